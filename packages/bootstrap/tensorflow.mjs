import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runChild } from './child.mjs';

const WHEEL = fileURLToPath(new URL('tensorflow-wheel.txt', import.meta.url));
const TFJS_NODE = 'node_modules/@tensorflow/tfjs-node';
/** The newest that tfjs-node knows. It looks for the binding in a folder of this number; the binding fits every later Node.js. */
const NODE_API = 8;
/** tfjs-node's binding links against the first names; the wheel has the same interface under the second ones. */
const LIBRARIES = [
  ['libtensorflow.so', 'libtensorflow_cc.so.2'],
  ['libtensorflow_framework.so', 'libtensorflow_framework.so.2'],
];

/** The native TensorFlow cannot be had on this machine or network; nothing is broken. */
export class Unavailable extends Error {}

/** Why this system cannot have TensorFlow from the wheel, or undefined where it can. */
export function systemObstacle({ platform, arch, glibc }) {
  if (platform === 'linux' && arch === 'x64' && glibc !== undefined) return undefined;
  const system =
    platform === 'linux' && glibc === undefined ? `${platform} ${arch} without glibc` : `${platform} ${arch}`;
  return `the wheel is for Linux on x64 with glibc, and this is ${system}`;
}

export function thisSystem() {
  const { glibcVersionRuntime } = process.report.getReport().header;
  return { platform: process.platform, arch: process.arch, glibc: glibcVersionRuntime };
}

export function hasTfjsNode(root) {
  return existsSync(join(root, TFJS_NODE));
}

/** The version of the TensorFlow that tfjs-node loads here, or undefined where it cannot load one. */
export function nativeVersion(root) {
  const script = 'process.stdout.write(String(require(process.argv[1]).TF_Version))';
  try {
    // In a process of its own: a library that does not fit this processor ends the process that loads it.
    return execFileSync(process.execPath, ['-e', script, bindingFile(root)], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
  } catch {
    return undefined;
  }
}

/** Takes libtensorflow and its headers from the wheel into the folder where tfjs-node keeps its own download. */
export async function takeLibrary(root) {
  const package_ = join(root, TFJS_NODE);
  const [unpacked, deps] = [join(package_, 'wheel'), join(package_, 'deps')];
  for (const folder of [unpacked, deps]) rmSync(folder, { recursive: true, force: true });
  try {
    await unpackWheel(unpacked);
    mkdirSync(join(deps, 'lib'), { recursive: true });
    renameSync(join(unpacked, 'tensorflow/include'), join(deps, 'include'));
    for (const [name, file] of LIBRARIES) {
      renameSync(join(unpacked, 'tensorflow', file), join(deps, 'lib', file));
      symlinkSync(file, join(deps, 'lib', name));
    }
  } finally {
    rmSync(unpacked, { recursive: true, force: true });
  }
}

/** Compiles tfjs-node's two sources as its binding.gyp says, without the headers that node-gyp would download. */
export async function compileBinding(root) {
  const package_ = join(root, TFJS_NODE);
  const target = bindingFile(root);
  mkdirSync(join(target, '..'), { recursive: true });
  const args = [
    ...['-shared', '-fPIC', '-O2', '-std=c++17', `-DNAPI_VERSION=${NODE_API}`],
    `-I${join(root, 'node_modules/node-api-headers/include')}`,
    `-I${join(package_, 'deps/include')}`,
    ...['tfjs_backend.cc', 'tfjs_binding.cc'].map((name) => join(package_, 'binding', name)),
    ...[`-L${join(package_, 'deps/lib')}`, '-ltensorflow', '-ltensorflow_framework'],
    ...['-Wl,-rpath,$ORIGIN/../../deps/lib', '-o', target],
  ];
  const { code } = await runOr(
    'a C++ compiler is needed (Debian: apt install g++)',
    process.env.CXX ?? 'c++',
    args,
  );
  if (code !== 0) throw new Error(`the compiler stopped with exit code ${code}; its messages are above.`);
}

/** A binding that does not load must go: where the library does not fit the processor it would end every program. */
export function removeBinding(root) {
  rmSync(bindingFile(root), { force: true });
}

async function unpackWheel(folder) {
  const args = [
    ...['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--no-deps', '--no-compile'],
    // Whatever Python is here: nothing of the wheel will run in it.
    ...['--only-binary=:all:', '--implementation', 'cp', '--python-version', '310', '--abi', 'cp310'],
    ...['--platform', 'manylinux_2_17_x86_64', '--platform', 'manylinux2014_x86_64'],
    ...['--target', folder, '--require-hashes', '--requirement', WHEEL],
  ];
  const need = 'Python 3 with pip is needed to fetch the wheel (Debian: apt install python3-pip)';
  const { code, output } = await runOr(need, 'python3', args);
  if (code === 0) return;
  if (/No module named pip/.test(output)) throw new Unavailable(need);
  if (/DO NOT MATCH THE HASHES/.test(output)) {
    throw new Error(`the wheel that pip got is not the one that ${WHEEL} names; its messages are above.`);
  }
  throw new Unavailable(
    `pip could not get the wheel (exit code ${code}; its messages are above). Check its index (python3 -m pip config list).`,
  );
}

async function runOr(need, command, args) {
  try {
    return await runChild(command, args);
  } catch (error) {
    throw error.code === 'ENOENT' ? new Unavailable(need) : error;
  }
}

function bindingFile(root) {
  return join(root, TFJS_NODE, `lib/napi-v${NODE_API}/tfjs_binding.node`);
}
