import type { Action, CoRunner, SharedResource } from '@sage/core';
import { number, type Rung } from './step.js';

interface Share {
  readonly of: (coRunner: CoRunner) => number;
  /** Programs whose processes together take less are not what the target waits for. */
  readonly noticeable: number;
  readonly words: (taken: number) => string;
}

/** What counts as taking a resource, and the least of it worth a change: about what the features resolve. */
const SHARES: Readonly<Record<SharedResource, Share>> = {
  cpu: { of: ({ cpuCores }) => cpuCores, noticeable: 0.2, words: (taken) => `${number(taken)} cores` },
  llc: {
    of: ({ llcBytes = 0 }) => llcBytes,
    noticeable: 1e6,
    words: (taken) => `${number(taken / 1e6)} MB of the last-level cache`,
  },
  'memory-bandwidth': {
    of: ({ memoryBytesPerSecond = 0 }) => memoryBytesPerSecond,
    noticeable: 100e6,
    words: (taken) => `${number(taken / 1e6)} MB/s of memory bandwidth`,
  },
  disk: {
    of: ({ diskBytesPerSecond = 0 }) => diskBytesPerSecond,
    noticeable: 1e6,
    words: (taken) => `${number(taken / 1e6)} MB/s of the disk`,
  },
  network: {
    of: ({ networkBytesPerSecond = 0 }) => networkBytesPerSecond,
    noticeable: 100e3,
    words: (taken) => `${number(taken / 1e6)} MB/s of the network`,
  },
};

/** Where `limitable` is absent an agent can limit the processor's neighbours alone. */
const LIMITABLE_BY_DEFAULT: readonly SharedResource[] = ['cpu'];

/**
 * Holds back as few programs as it takes: those that take most first, until `enough` of what they all take is freed.
 * Processes of one program count together.
 */
export function limitCoRunners(shared: SharedResource): Rung {
  const { of, noticeable, words } = SHARES[shared];
  return ({ target, coRunners = [], limitable = LIMITABLE_BY_DEFAULT }, { enough }) => {
    if (!limitable.includes(shared)) return [];
    const programs = byProgram(coRunners, of).filter(({ taken }) => taken > noticeable);
    const all = programs.reduce((sum, { taken }) => sum + taken, 0);
    let freed = 0;
    const chosen = programs.filter(({ taken }) => {
      if (freed >= enough * all) return false;
      freed += taken;
      return true;
    });
    if (chosen.length === 0) return [];
    const pids = chosen.flatMap((program) => program.pids).sort((a, b) => a - b);
    const action: Action = {
      kind: 'limit-corunner',
      target,
      pids,
      ...(shared === 'cpu' ? {} : { of: shared }),
    };
    const names = chosen.map(({ command }) => withoutFolders(command)).join(', ');
    const restores = chosen.length === programs.length ? 'all' : 'enough';
    return [{ action, reason: `${names} takes ${words(freed)} beside ${target}`, restores }];
  };
}

interface Program {
  readonly command: string;
  readonly pids: readonly number[];
  readonly taken: number;
}

/** Those that take most first. */
function byProgram(coRunners: readonly CoRunner[], of: Share['of']): readonly Program[] {
  const programs = new Map<string, { command: string; pids: number[]; taken: number }>();
  for (const coRunner of coRunners) {
    const program = programs.get(coRunner.command) ?? { command: coRunner.command, pids: [], taken: 0 };
    program.pids.push(coRunner.pid);
    program.taken += of(coRunner);
    programs.set(coRunner.command, program);
  }
  return [...programs.values()].sort((a, b) => b.taken - a.taken);
}

/** `/usr/bin/node /srv/copy.js --all` as people would say it: `node copy.js --all`. */
function withoutFolders(command: string): string {
  return command.replace(/\S*\/(?=[^\s/])/g, '');
}
