import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Address } from '../component/config.js';
import { freePort } from './free-port.js';
import type { Ground } from './ground.js';

export interface BareGroundOptions {
  readonly components: readonly string[];
  readonly env: NodeJS.ProcessEnv;
}

/**
 * Components call each other on loopback with nothing in between, and share all cores: what they cost is theirs alone. No
 * fault of a link can be made here, and nothing be turned.
 */
export async function createBareGround({ components, env }: BareGroundOptions): Promise<Ground> {
  const free = new Set<number>();
  while (free.size < components.length) free.add(await freePort());
  const ports = [...free];
  const addressOf = (name: string): Address => ({
    host: '127.0.0.1',
    port: ports[components.indexOf(name)] as number,
  });
  return {
    isolation: 'none',
    bindAddress: addressOf,
    peerAddress: addressOf,
    launch: async (_name, args, stderr): Promise<ChildProcess> => {
      const child = spawn(process.execPath, args, {
        detached: true,
        env,
        stdio: ['ignore', 'ignore', stderr, 'ipc'],
      });
      await once(child, 'spawn');
      return child;
    },
    settle: async () => {},
    knobs: () => ({}),
    close: async () => {},
  };
}
