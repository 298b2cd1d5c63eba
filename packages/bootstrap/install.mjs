import { spawn } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileHash } from './fingerprint.mjs';

const STAMP = 'node_modules/.sage-install.json';
const OFFLINE =
  /\b(ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|EHOSTUNREACH|ERR_SOCKET_TIMEOUT)\b/;

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
  // npm may run with NODE_ENV=production, and the compiler is a development dependency.
  const args = ['ci', '--no-audit', '--no-fund', '--include=dev', '--include=optional'];
  const { code, output } = await runNpm(root, args);
  if (code !== 0) throw new Error(explainNpmFailure(code, output));
  writeFileSync(
    join(root, STAMP),
    `${JSON.stringify({ lock: fileHash(join(root, 'package-lock.json')), platform: platform() })}\n`,
  );
  if (!existsSync(join(root, 'node_modules/@tensorflow/tfjs-node'))) {
    report('the native TensorFlow could not be installed here; Sage will use the WebAssembly one');
  }
}

/** Says what a failed `npm ci` means. `output` is what npm wrote to standard error. */
export function explainNpmFailure(code, output) {
  if (OFFLINE.test(output)) {
    return 'npm could not reach the package registry. Check the network, the proxy (npm config get proxy) and the registry (npm config get registry), then run the same command again.';
  }
  if (/\b(EACCES|EPERM|EROFS)\b/.test(output)) {
    return 'npm may not write here. Run the command as the user who owns this folder.';
  }
  if (/\bENOSPC\b/.test(output)) return 'the disk is full; npm ci needs about 500 MB.';
  return `npm ci failed with exit code ${code}; its messages are above.`;
}

function runNpm(root, args) {
  const script = process.env.npm_execpath;
  const viaNode = script !== undefined && /npm-cli\.[cm]?js$/.test(script) && existsSync(script);
  const [command, commandArgs] = viaNode ? [process.execPath, [script, ...args]] : ['npm', args];
  return new Promise((resolve, reject) => {
    const child = spawn(command, commandArgs, {
      cwd: root,
      // npm's own standard output would mix with a result that the program prints there (`--json -`).
      stdio: ['ignore', 2, 'pipe'],
      shell: !viaNode && process.platform === 'win32',
    });
    let output = '';
    child.stderr.on('data', (chunk) => {
      process.stderr.write(chunk);
      output = (output + chunk).slice(-20_000);
    });
    child.on('error', (error) => {
      reject(
        error.code === 'ENOENT'
          ? new Error(
              'npm is not on the PATH. It comes with Node.js (https://nodejs.org); on Debian: apt install npm.',
            )
          : error,
      );
    });
    child.on('close', (code) => resolve({ code, output }));
  });
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
