import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readlink } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { CGROUP_PARENT, Cgroups } from './cgroups.js';
import { runTool } from './child.js';
import type { Ground, Placed } from './ground.js';
import { HUB_ADDRESS, HUB_BRIDGE } from './hub.js';

const PORT = 8080;
const FIRST_HOST = 10;
export const LINK_CLASS = '1:10';
export const LINK_MBIT = 1000;
/**
 * Half a core in the kernel's and Kubernetes' usual period. Calm traffic never spends it, and what is saved up covers a
 * collection of garbage by several threads; once neighbours spend it, the component is held up for the rest of the period.
 */
export const QUOTA = { periodUs: 100_000, cores: 0.5 };

export interface KernelGroundOptions {
  readonly components: readonly string[];
  readonly cgroupRoot: string;
  readonly env: NodeJS.ProcessEnv;
}

/**
 * With root, inside the hub's network namespace: each component has a network namespace of its own, joined to the
 * hub's bridge by a veth pair, and control groups with a quota. A namespace lives as long as its process, and takes
 * its veth with it.
 *
 * The shaper sits on the hub's side of the veth, where the node agent can turn it: all that reaches the component
 * passes it, requests and the answers of its own callees.
 */
export async function createKernelGround(options: KernelGroundOptions): Promise<Ground> {
  const { components } = options;
  const cgroups = new Cgroups(options.cgroupRoot);
  if ((await cgroups.processes()).length > 0) {
    throw new Error(
      `another demo runs on this machine: there are processes in the control groups ${CGROUP_PARENT}/*`,
    );
  }
  await ensureBridge();
  const hostOf = (name: string) => FIRST_HOST + components.indexOf(name);
  const addressOf = (name: string) => HUB_ADDRESS.replace(/\d+$/, `${hostOf(name)}`);
  const deviceOf = (name: string) => `sage-${hostOf(name)}`;

  return {
    isolation: 'kernel',
    bindAddress: (name) => ({ host: addressOf(name), port: PORT }),
    peerAddress: (name) => ({ host: addressOf(name), port: PORT }),
    launch: async (name, args, stderr): Promise<ChildProcess> => {
      await cgroups.create(name);
      // It waits for a line: the address must be there before the component binds to it.
      const child = spawn(
        'unshare',
        ['--net', '--', 'sh', '-c', 'read -r _ && exec "$0" "$@"', process.execPath, ...args],
        { detached: true, env: options.env, stdio: ['pipe', 'ignore', stderr, 'ipc'] },
      );
      await once(child, 'spawn');
      const pid = child.pid as number;
      try {
        await cgroups.add(name, pid);
        await awaitNamespace(pid);
        await connect(pid, deviceOf(name), addressOf(name));
      } catch (error) {
        child.kill('SIGKILL');
        throw error;
      }
      child.stdin?.end('\n');
      return child;
    },
    // Not before: loading the program takes a second of processor time, which is no part of the service.
    settle: (component: Placed) => cgroups.setQuota(component.name, QUOTA),
    knobs: ({ name, address }) => ({
      cgroup: `${CGROUP_PARENT}/${name}`,
      link: { device: deviceOf(name), classid: LINK_CLASS, max_mbit: LINK_MBIT },
      probe: { ...address, mode: 'connect' },
    }),
    close: async () => {
      // The kernel needs a moment to let go of groups whose last process has just ended.
      for (let attempt = 0; attempt < 20 && !(await cgroups.remove()); attempt++) await sleep(50);
    },
  };
}

async function ensureBridge(): Promise<void> {
  const present = await runTool('ip', ['link', 'show', HUB_BRIDGE]).then(
    () => true,
    () => false,
  );
  if (present) return;
  throw new Error(
    `the bridge ${HUB_BRIDGE} is missing: kernel isolation runs inside the hub only (enterHub)`,
  );
}

/** Until `unshare` has done its work. */
async function awaitNamespace(pid: number): Promise<void> {
  const own = await readlink('/proc/self/ns/net');
  for (let attempt = 0; attempt < 500; attempt++) {
    const theirs = await readlink(`/proc/${pid}/ns/net`).catch(() => own);
    if (theirs !== own) return;
    await sleep(10);
  }
  throw new Error(`process ${pid} got no network namespace of its own`);
}

async function connect(pid: number, device: string, address: string): Promise<void> {
  await runTool(
    'ip',
    ['-batch', '-'],
    `link add ${device} type veth peer name eth0 netns ${pid}
link set ${device} master ${HUB_BRIDGE} up
`,
  );
  await runTool('nsenter', [
    ...['-t', `${pid}`, '-n', 'sh', '-c'],
    `ip link set lo up && ip addr add ${address}/24 dev eth0 && ip link set eth0 up`,
  ]);
  await runTool(
    'tc',
    ['-batch', '-'],
    `qdisc add dev ${device} root handle 1: htb default 10
class add dev ${device} parent 1: classid ${LINK_CLASS} htb rate ${LINK_MBIT}mbit quantum 1514
`,
  );
}
