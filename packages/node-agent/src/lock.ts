import { spawnSync } from 'node:child_process';
import { closeSync, ftruncateSync, openSync, readFileSync, writeSync } from 'node:fs';
import { errorMessage, failure, type Outcome, success } from '@sage/core';

export interface Lock {
  /** Twice releases once. */
  release(): void;
}

/** What `flock -n` answers where another process holds the lock. */
const HELD_BY_ANOTHER = 1;

/**
 * An flock(2) on a file, whose content is the pid of who holds it. The kernel takes it back when its process ends in
 * any way, so that nothing is left to be judged stale. Node.js has no such call: flock(1) makes it, on the open file that
 * it inherits, and the lock stays with that file when flock(1) has ended.
 */
export function takeLock(path: string, pid: number): Outcome<Lock, 'locked'> {
  let descriptor: number;
  try {
    descriptor = openSync(path, 'a+', 0o644);
  } catch (error) {
    return failure('locked', `the lock ${path} cannot be opened: ${errorMessage(error)}`);
  }
  const { status, stderr, error } = spawnSync('flock', ['-xn', '3'], {
    stdio: ['ignore', 'ignore', 'pipe', descriptor],
    env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' },
    encoding: 'utf8',
  });
  if (status !== 0) {
    closeSync(descriptor);
    if (status === HELD_BY_ANOTHER) {
      const holder = readFileSync(path, 'utf8').trim() || 'that is starting';
      return failure('locked', `the node agent with process ${holder} holds ${path}`);
    }
    const why = error?.message ?? stderr.trim();
    return failure('locked', `${path} cannot be locked: expected flock of util-linux to work: ${why}`);
  }
  ftruncateSync(descriptor);
  writeSync(descriptor, `${pid}\n`);
  let held = true;
  return success({
    release() {
      // By then the number may be another file's.
      if (held) closeSync(descriptor);
      held = false;
    },
  });
}
