import { link, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { failure, type Outcome, success } from '@sage/core';
import { readIfPresent } from './files.js';

export interface Lock {
  release(): Promise<void>;
}

/** The processes of this machine, as far as telling a living owner from a dead one needs them. */
export interface Processes {
  readonly pid: number;
  /** What tells a process from a later one of the same id; undefined where there is none. */
  startOf(pid: number): Promise<string | undefined>;
}

/** Content of a lock file. */
interface Owner {
  readonly pid: number;
  readonly start: string;
}

/**
 * A file that only one living process owns, so that two do not write what lies beside it. That of a process that is
 * gone is taken over: `kill -9` must not keep the next start from working.
 */
export async function takeLock(path: string, processes: Processes): Promise<Outcome<Lock, 'locked'>> {
  const own = JSON.stringify({ pid: processes.pid, start: await processes.startOf(processes.pid) });
  const draft = `${path}.${processes.pid}`;
  try {
    await writeFile(draft, own);
    // Two starts at a time: whoever loses finds the file of the winner in the next turn.
    for (let turn = 0; turn < 3; turn++) {
      if (await created(draft, path)) return success(lockOf(path, own));
      const found = (await readIfPresent(path)) ?? '';
      const owner = ownerOf(found);
      if (owner !== undefined && (await processes.startOf(owner.pid)) === owner.start) {
        return failure('locked', `process ${owner.pid} holds ${path}`);
      }
      await putAway(path, found, `${draft}.stale`);
    }
    return failure('locked', `another process is taking ${path} at this moment`);
  } finally {
    await rm(draft, { force: true });
  }
}

/** A link appears with its whole content or not at all. */
async function created(draft: string, path: string): Promise<boolean> {
  try {
    await link(draft, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

/** Only what was found dead: another start may have put its own file there meanwhile. */
async function putAway(path: string, dead: string, aside: string): Promise<void> {
  try {
    await rename(path, aside);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw error;
  }
  if ((await readFile(aside, 'utf8')) !== dead) await created(aside, path);
  await rm(aside, { force: true });
}

function lockOf(path: string, own: string): Lock {
  let held = true;
  return {
    async release() {
      if (held && (await readIfPresent(path)) === own) await rm(path, { force: true });
      held = false;
    },
  };
}

function ownerOf(text: string): Owner | undefined {
  try {
    const { pid, start } = JSON.parse(text) as Partial<Owner>;
    return Number.isInteger(pid) && typeof start === 'string' ? { pid: pid as number, start } : undefined;
  } catch {
    return undefined;
  }
}
