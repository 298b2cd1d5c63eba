import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runChild } from './child.mjs';
import { fileHash } from './fingerprint.mjs';

const STAMP = 'node_modules/.sage-install.json';
const OFFLINE =
  /\b(ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|EHOSTUNREACH|ERR_SOCKET_TIMEOUT)\b/;
// npm may run with NODE_ENV=production, and the compiler is a development dependency.
const EVERYTHING = ['--no-audit', '--no-fund', '--include=dev', '--include=optional'];

/** Why the dependencies have to be installed, in words, or undefined where they are as package-lock.json says. */
export function installReason(root) {
  if (!existsSync(join(root, 'node_modules'))) return 'node_modules is missing';
  const stamp = readJson(join(root, STAMP));
  if (stamp === undefined) {
    return matchesLock(root) ? undefined : 'node_modules was not installed from this package-lock.json';
  }
  if (stamp.platform !== platform()) return `node_modules was installed for ${stamp.platform}`;
  if (stamp.lock === fileHash(join(root, 'package-lock.json'))) return undefined;
  return matchesLock(root) ? undefined : 'package-lock.json changed';
}

/** Installs exactly what package-lock.json says; rejects with an error made for people. */
export async function install(root, report) {
  const { code, output } = await runNpm(root, ['ci', ...EVERYTHING]);
  if (code !== 0) throw new Error(explainNpmFailure(code, output));
  writeFileSync(
    join(root, STAMP),
    `${JSON.stringify({ lock: fileHash(join(root, 'package-lock.json')), platform: platform() })}\n`,
  );
  if (!existsSync(join(root, 'node_modules/@tensorflow/tfjs-node'))) {
    report(
      'the native TensorFlow could not be installed here; Sage will use the WebAssembly one (npm run native builds it)',
    );
  }
}

/** Adds what package-lock.json has and is missing, runs nobody's install script, and changes no file of the checkout. */
export async function installWithoutScripts(root) {
  const { code, output } = await runNpm(root, ['install', '--ignore-scripts', '--no-save', ...EVERYTHING]);
  if (code !== 0) throw new Error(explainNpmFailure(code, output, 'install'));
}

/** Says what a failed `npm ci` or other command of npm means. `output` is what npm wrote to standard error. */
export function explainNpmFailure(code, output, command = 'ci') {
  if (OFFLINE.test(output)) {
    return 'npm could not reach the package registry. Check the network, the proxy (npm config get proxy) and the registry (npm config get registry), then run the same command again.';
  }
  if (/\b(EACCES|EPERM|EROFS)\b/.test(output)) {
    return 'npm may not write here. Run the command as the user who owns this folder.';
  }
  if (/\bENOSPC\b/.test(output)) return `the disk is full; npm ${command} needs about 500 MB.`;
  return `npm ${command} failed with exit code ${code}; its messages are above.`;
}

async function runNpm(root, args) {
  const script = process.env.npm_execpath;
  const viaNode = script !== undefined && /npm-cli\.[cm]?js$/.test(script) && existsSync(script);
  const [command, commandArgs] = viaNode ? [process.execPath, [script, ...args]] : ['npm', args];
  try {
    return await runChild(command, commandArgs, {
      cwd: root,
      shell: !viaNode && process.platform === 'win32',
    });
  } catch (error) {
    if (error.code !== 'ENOENT') throw error;
    throw new Error(
      'npm is not on the PATH. It comes with Node.js (https://nodejs.org); on Debian: apt install npm.',
    );
  }
}

/** True where npm itself last left exactly the locked versions, as after a developer's own `npm install`. */
function matchesLock(root) {
  const wanted = readJson(join(root, 'package-lock.json'))?.packages;
  const present = readJson(join(root, 'node_modules/.package-lock.json'))?.packages;
  if (wanted === undefined || present === undefined) return false;
  return Object.entries(wanted).every(([path, entry]) => {
    if (!path.startsWith('node_modules/') && !path.includes('/node_modules/')) return true;
    const found = present[path];
    if (found === undefined) return entry.optional === true || entry.devOptional === true;
    return found.version === entry.version;
  });
}

function readJson(path) {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    return undefined;
  }
}

function platform() {
  return `${process.platform}-${process.arch}`;
}
