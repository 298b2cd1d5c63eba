import { type ChildProcess, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import type { Logger } from '@sage/core';
import type { Address } from '../component/config.js';
import type { RelayCommand, RelayReport } from '../relay/messages.js';
import { awaitMessage, endChild, runTool } from './child.js';
import type { Ground, Placed } from './ground.js';

const RELAY = fileURLToPath(new URL('../relay/relay-main.js', import.meta.url));

export interface UserGroundOptions {
  readonly components: readonly string[];
  readonly seed: number;
  readonly env: NodeJS.ProcessEnv;
  readonly log: Logger;
}

type Opened = Extract<RelayReport, { kind: 'opened' }>;

/**
 * Without root: every component has a loopback address of its own, a core it is pinned to (in turn, where `taskset`
 * is there) and a session of its own (so the scheduler groups it by itself); a relay stands in front of it.
 */
export async function createUserGround(options: UserGroundOptions): Promise<Ground> {
  const { components, log } = options;
  const cores = await pinnableCores(log);
  const relay = fork(RELAY, [], {
    detached: true,
    env: options.env,
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const tell = (command: RelayCommand) => relay.send(command);
  let opened: Opened;
  try {
    const ready = awaitMessage<Opened>(relay, 'opened', { name: 'the relay', timeoutMs: 15_000 });
    tell({
      kind: 'open',
      seed: options.seed,
      links: components.map((link, i) => ({ link, host: loopback(2, i) })),
    });
    opened = await ready;
  } catch (error) {
    await endChild(relay, 1000);
    throw error;
  }
  const indexOf = (name: string) => components.indexOf(name);
  const portsOf = (name: string) => {
    const ports = opened.ports[name];
    if (ports === undefined) throw new Error(`the relay has no link ${name}`);
    return ports;
  };

  return {
    isolation: 'user',
    bindAddress: (name) => ({ host: loopback(1, indexOf(name)), port: 0 }),
    peerAddress: (name): Address => ({ host: loopback(2, indexOf(name)), port: portsOf(name).port }),
    launch: async (name, args, stderr): Promise<ChildProcess> => {
      const core = cores[indexOf(name) % cores.length];
      const command = [
        ...(core === undefined ? [] : ['taskset', '-c', `${core}`]),
        process.execPath,
        ...args,
      ];
      const child = spawn(command[0] as string, command.slice(1), {
        detached: true,
        env: options.env,
        stdio: ['ignore', 'ignore', stderr, 'ipc'],
      });
      await once(child, 'spawn');
      return child;
    },
    settle: async (component: Placed) => {
      tell({ kind: 'target', link: component.name, target: component.address });
    },
    knobs: ({ name }) => ({
      relay: { url: `http://127.0.0.1:${opened.controlPort}`, link: name, nominal_delay_ms: 0 },
      probe: { host: loopback(2, indexOf(name)), port: portsOf(name).echoPort, mode: 'echo' },
    }),
    close: () => endChild(relay, 1000),
  };
}

/** 127.0.<net>.<index + 1>; systems other than Linux have 127.0.0.1 only. */
function loopback(net: number, index: number): string {
  return process.platform === 'linux' ? `127.0.${net}.${index + 1}` : '127.0.0.1';
}

/** The cores this process may use; none where nothing can be pinned. */
async function pinnableCores(log: Logger): Promise<readonly number[]> {
  try {
    // "pid 12's current affinity list: 0,2-3"
    const answer = await runTool('taskset', ['-cp', `${process.pid}`]);
    return expandCores(answer.slice(answer.lastIndexOf(':') + 1));
  } catch {
    log.warn('taskset is missing: components share all cores', { cores: availableParallelism() });
    return [];
  }
}

/** "0,2-3" → [0, 2, 3] */
export function expandCores(list: string): readonly number[] {
  return list
    .trim()
    .split(',')
    .flatMap((range) => {
      const [first = 0, last = first] = range.split('-').map(Number);
      return Array.from({ length: last - first + 1 }, (_, i) => first + i);
    });
}
