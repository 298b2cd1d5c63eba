import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** Longer than any install or build takes: a lock as old as this was left behind. */
const STALE_AFTER_MS = 30 * 60_000;

/**
 * Runs `work` while holding the lock file at `path`, so that two starts at once do not install over each other.
 * A lock whose process is gone, or that is older than half an hour, is taken over. `report` gets a line when waiting.
 */
export async function withLock(path, report, work, { now = Date.now, pid = process.pid, pollMs = 200 } = {}) {
  mkdirSync(dirname(path), { recursive: true });
  let told = false;
  while (!take(path, pid)) {
    const holder = readHolder(path);
    if (holder === undefined) continue;
    if (!isAlive(holder.pid) || now() - holder.sinceMs > STALE_AFTER_MS) {
      removeStale(path, holder.text);
      continue;
    }
    if (!told) report(`another start (process ${holder.pid}) is installing or building; waiting for it`);
    told = true;
    await sleep(pollMs);
  }
  try {
    return await work();
  } finally {
    rmSync(path, { force: true });
  }
}

function take(path, pid) {
  try {
    writeFileSync(path, `${pid}\n`, { flag: 'wx' });
    return true;
  } catch (error) {
    if (error.code === 'EEXIST') return false;
    throw error;
  }
}

function readHolder(path) {
  try {
    const text = readFileSync(path, 'utf8');
    return { text, pid: Number.parseInt(text, 10), sinceMs: statSync(path).mtimeMs };
  } catch (error) {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Between reading a stale lock and removing it another start may have taken it over: then its lock is put back. */
function removeStale(path, staleText) {
  const aside = `${path}.${process.pid}`;
  try {
    renameSync(path, aside);
    if (readFileSync(aside, 'utf8') !== staleText) linkSync(aside, path);
  } catch (error) {
    if (error.code !== 'ENOENT' && error.code !== 'EEXIST') throw error;
  } finally {
    rmSync(aside, { force: true });
  }
}

function isAlive(pid) {
  // A lock that was created and not yet written to holds no number; its age decides.
  if (!Number.isInteger(pid) || pid <= 0) return true;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}
