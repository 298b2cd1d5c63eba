import { spawn } from 'node:child_process';
import type { Server } from 'node:net';
import { errorMessage, failure, type Outcome, success } from '@sage/core';
import { forward } from './forwarding.js';

/** The hub's address on its bridge: where components reach receivers that run inside the hub. */
export const HUB_ADDRESS = '10.77.0.1';
export const HUB_BRIDGE = 'sage0';

const MARK = 'SAGE_DEMO_HUB';

/** A loopback port of the host whose connections reach a unix socket inside the hub. */
export interface Forward {
  readonly port: number;
  readonly socketPath: string;
}

export interface EnterHubOptions {
  /** The program's arguments after `node`: script and its arguments. */
  readonly argv: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  readonly forwards: readonly Forward[];
}

/** True in the process that `enterHub` started. */
export function insideHub(env: NodeJS.ProcessEnv): boolean {
  return env[MARK] === '1';
}

/** To be called once inside the hub: ends this process the ordinary way when the outer one is gone. */
export function leaveWithOuter(): void {
  process.once('disconnect', () => process.kill(process.pid, 'SIGTERM'));
  process.channel?.unref();
}

const SETUP = [
  'set -e',
  'ip link set lo up',
  `ip link add ${HUB_BRIDGE} type bridge`,
  `ip addr add ${HUB_ADDRESS}/24 dev ${HUB_BRIDGE}`,
  `ip link set ${HUB_BRIDGE} up`,
  'exec "$0" "$@"',
].join('\n');

/**
 * Runs this program again inside a new network namespace, the hub, which has a bridge and nothing from outside.
 * Meanwhile this process only forwards: listed loopback ports to unix sockets (which cross namespaces), signals,
 * and in the end the exit code, which is the result. Needs root.
 */
export async function enterHub(options: EnterHubOptions): Promise<Outcome<number, 'port' | 'start'>> {
  const servers: Server[] = [];
  for (const { port, socketPath } of options.forwards) {
    try {
      servers.push(await forward({ host: '127.0.0.1', port }, { path: socketPath }));
    } catch (error) {
      for (const server of servers) server.close();
      return failure(
        'port',
        `127.0.0.1:${port} cannot be listened on: ${errorMessage(error)}; choose another port`,
      );
    }
  }
  const command = [process.execPath, ...process.execArgv, ...options.argv];
  const child = spawn('unshare', ['--net', '--', 'sh', '-c', SETUP, ...command], {
    env: { ...options.env, [MARK]: '1' },
    stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
  });
  const stopForwarding = forwardSignals((signal) => child.kill(signal));
  const outcome = await new Promise<Outcome<number, 'start'>>((resolve) => {
    child.once('error', (error) => resolve(failure('start', `unshare: ${error.message}`)));
    child.once('exit', (code, signal) => resolve(success(code ?? 128 + (signal === 'SIGINT' ? 2 : 15))));
  });
  stopForwarding();
  for (const server of servers) server.close();
  return outcome;
}

/** From a terminal, Ctrl-C reaches the inner process by itself; sent twice it might mean "at once". */
function forwardSignals(send: (signal: NodeJS.Signals) => void): () => void {
  const handlers = new Map<NodeJS.Signals, () => void>([
    ['SIGINT', () => process.stdin.isTTY || send('SIGINT')],
    ['SIGTERM', () => send('SIGTERM')],
    ['SIGHUP', () => send('SIGHUP')],
  ]);
  for (const [signal, handler] of handlers) process.on(signal, handler);
  return () => {
    for (const [signal, handler] of handlers) process.off(signal, handler);
  };
}
