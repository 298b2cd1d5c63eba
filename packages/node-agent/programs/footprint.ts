/**
 * What the agent takes of its node, against what it may take:
 *
 *     node packages/node-agent/dist/programs/footprint.js [seconds of idling, 60]
 *
 * As root on the real node, in control groups and a network namespace of its own; what is missing is left out with a line.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  accessSync,
  constants,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { type NodeAction, quantile } from '@sage/core';
import { parseProcessStat, parseProcessStatus, TICKS_PER_SECOND } from '../src/procfs/process.js';

const LIMITS = { localMs: 10, linkMs: 50, cpuCores: 0.01, bytes: 80e6 };
const CHANGES = 400;
/** Changes before those that count: the agent runs for weeks, and its code is compiled in the first second. */
const WARM_UP = 20;
const TARGETS = 50;
const SETTLE_MS = 5000;
const CPU = '/sys/fs/cgroup/cpu';
const NAME = `sage-test-footprint-${process.pid}`;
const MAIN = fileURLToPath(new URL('../src/main.js', import.meta.url));

const folder = mkdtempSync(join(tmpdir(), 'sage-footprint-'));
const children: ChildProcess[] = [];
const groups: string[] = [];
const argument = process.argv[2] ?? '60';
try {
  if (argument === 'link') await measureLink();
  else {
    await measureQuota();
    await measureLinkInNamespace();
    await measureIdle(Number(argument));
  }
} finally {
  for (const child of children) await end(child);
  for (const group of groups.toReversed()) rmdirSync(group);
  rmSync(folder, { recursive: true });
}

async function measureQuota(): Promise<void> {
  if (!canMakeGroups()) {
    console.log(`apply and read back of a quota: left out, ${CPU} cannot be written`);
    return;
  }
  const target = `{ name: t, pids: [${sleeper(makeGroup(NAME))}], cgroup: ${NAME} }`;
  await measureChanges('a quota', LIMITS.localMs, target, (i) => ({
    kind: 'cpu-quota',
    target: 't',
    cores: i % 2 === 0 ? 0.5 : 0.6,
  }));
}

/** The link, the agent and whoever asks it are in one namespace, and gone with it. */
async function measureLinkInNamespace(): Promise<void> {
  try {
    execFileSync('ip', ['netns', 'add', NAME], { stdio: 'pipe' });
  } catch {
    console.log('apply and read back of a link rate: left out, it needs root and network namespaces');
    return;
  }
  try {
    const program = fileURLToPath(import.meta.url);
    const inside = ['netns', 'exec', NAME, process.execPath, program, 'link'];
    const [code] = await once(spawn('ip', inside, { stdio: 'inherit' }), 'exit');
    if (code !== 0) process.exitCode = 1;
  } finally {
    execFileSync('ip', ['netns', 'del', NAME]);
  }
}

async function measureLink(): Promise<void> {
  const run = (line: string) => {
    const [program = '', ...args] = line.split(' ');
    execFileSync(program, args, { stdio: 'pipe' });
  };
  run('ip link set lo up');
  run('ip link add va type veth peer name vb');
  run('tc qdisc add dev va root handle 1: htb default 10');
  run('tc class add dev va parent 1: classid 1:1 htb rate 1gbit');
  run('tc class add dev va parent 1:1 classid 1:10 htb rate 3mbit');
  const target = `{ name: t, pids: [${sleeper()}], link: { device: va, classid: "1:10", max_mbit: 100 } }`;
  await measureChanges('a link rate', LIMITS.linkMs, target, (i) => ({
    kind: 'link-rate',
    target: 't',
    mbitPerSecond: i % 2 === 0 ? 50 : 60,
  }));
}

async function measureChanges(
  what: string,
  limitMs: number,
  target: string,
  action: (i: number) => NodeAction,
): Promise<void> {
  const { url } = await startAgent(`[${target}]`);
  const elapsed: number[] = [];
  for (let i = 0; i < WARM_UP + CHANGES; i++) {
    const began = performance.now();
    const answer = await fetch(`${url}/api/v1/actions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ id: `c${i}`, action: action(i) }),
    });
    const { status, message } = (await answer.json()) as { status: string; message: string };
    if (i >= WARM_UP) elapsed.push(performance.now() - began);
    if (status !== 'applied') throw new Error(`${status}: ${message}`);
  }
  const p99 = quantile(elapsed, 0.99);
  console.log(
    `apply and read back of ${what} over HTTP, ${CHANGES} times: p50 ${quantile(elapsed, 0.5).toFixed(1)} ms, ` +
      `p99 ${p99.toFixed(1)} ms, ratio to its limit ${(p99 / limitMs).toFixed(2)}`,
  );
}

async function measureIdle(seconds: number): Promise<void> {
  const inGroups = canMakeGroups();
  if (inGroups && !groups.includes(join(CPU, NAME))) makeGroup(NAME);
  const targets = Array.from({ length: TARGETS }, (_, i) => {
    const cgroup = inGroups ? `${NAME}/t${i}` : undefined;
    const pid = sleeper(cgroup === undefined ? undefined : makeGroup(cgroup));
    return `{ name: t${i}, pids: [${pid}]${cgroup === undefined ? '' : `, cgroup: ${cgroup}`} }`;
  });
  const { pid } = await startAgent(`[${targets.join(', ')}]`);
  await sleep(SETTLE_MS);
  const ticks = () => parseProcessStat(readFileSync(`/proc/${pid}/stat`, 'utf8'))?.cpuTicks ?? Number.NaN;
  const before = ticks();
  let bytes = 0;
  for (let second = 0; second < seconds; second++) {
    await sleep(1000);
    const { residentBytes } = parseProcessStatus(readFileSync(`/proc/${pid}/status`, 'utf8'));
    bytes = Math.max(bytes, residentBytes ?? Number.NaN);
  }
  const cores = (ticks() - before) / TICKS_PER_SECOND / seconds;
  console.log(
    `idle with ${TARGETS} targets${inGroups ? ' in control groups' : ''} for ${seconds} s: ` +
      `${(100 * cores).toFixed(2)} % of a core, ratio to its limit ${(cores / LIMITS.cpuCores).toFixed(2)}; ` +
      `memory ${(bytes / 1e6).toFixed(0)} MB, ratio ${(bytes / LIMITS.bytes).toFixed(2)}`,
  );
}

async function startAgent(targets: string): Promise<{ readonly url: string; readonly pid: number }> {
  const config = join(folder, 'agent.yaml');
  writeFileSync(
    config,
    `node: n\njournal: ${folder}/journal\ndry_run: false\nlisten: 127.0.0.1:0\n` +
      `limits: { changes_per_minute: 10000 }\ntargets: ${targets}\n`,
  );
  for (const child of children.filter(({ spawnargs }) => spawnargs.includes(MAIN))) await end(child);
  const child = spawn(process.execPath, [MAIN, '--config', config], { stdio: ['ignore', 'inherit', 'pipe'] });
  children.push(child);
  let log = '';
  return new Promise((resolve, reject) => {
    child.stderr?.on('data', (chunk: Buffer) => {
      log = (log + chunk).slice(-10_000);
      const url = /msg=listening url=(\S+)/.exec(log)?.[1];
      if (url !== undefined) resolve({ url, pid: child.pid as number });
    });
    child.once('exit', () => reject(new Error(log)));
  });
}

/** A process that does nothing, in a group where there is one. */
function sleeper(group?: string): number {
  const child = spawn('sleep', ['3600'], { stdio: 'ignore' });
  children.push(child);
  if (group !== undefined) writeFileSync(`${group}/cgroup.procs`, String(child.pid));
  return child.pid as number;
}

function canMakeGroups(): boolean {
  try {
    accessSync(`${CPU}/cgroup.procs`, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

function makeGroup(path: string): string {
  const group = join(CPU, path);
  mkdirSync(group);
  groups.push(group);
  return group;
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill('SIGTERM');
  await gone;
}
