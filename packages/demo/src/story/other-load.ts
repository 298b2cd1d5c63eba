import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** What processors had done up to a moment. */
export interface ProcessorTimes {
  readonly atMs: number;
  /** Spent on processes of any kind, since boot. */
  readonly busySeconds: number;
  /** Spent on one process and whatever it has started. */
  readonly ownSeconds: number;
}

/** USER_HZ, which Linux gives to programs as 100 on every architecture of today. */
const TICKS_PER_SECOND = 100;
/** Share of the machine from which on it is worth telling that others have it. */
const WORTH_TELLING = 0.1;

/** Of `pid` and its descendants; undefined where there is no Linux /proc. */
export async function readProcessorTimes(
  procRoot: string,
  pid: number,
  nowMs: () => number,
): Promise<ProcessorTimes | undefined> {
  const stat = await readFile(join(procRoot, 'stat'), 'utf8').catch(() => undefined);
  if (stat === undefined) return undefined;
  const atMs = nowMs();
  const pids = (await readdir(procRoot)).filter((name) => /^\d+$/.test(name));
  const texts = await Promise.all(
    // A process may end meanwhile; its parent then has its time.
    pids.map((each) => readFile(join(procRoot, each, 'stat'), 'utf8').catch(() => '')),
  );
  const processes = new Map(
    texts.flatMap((text) => parseProcess(text) ?? []).map((each) => [each.pid, each]),
  );
  const isOwn = (each: Process | undefined): boolean =>
    each !== undefined && (each.pid === pid || isOwn(processes.get(each.parent)));
  const own = [...processes.values()].filter(isOwn).reduce((sum, { ticks }) => sum + ticks, 0);
  return {
    atMs,
    busySeconds: parseBusyTicks(stat) / TICKS_PER_SECOND,
    ownSeconds: own / TICKS_PER_SECOND,
  };
}

/** How many processors others kept busy between two readings. */
export function othersProcessors(
  before: ProcessorTimes | undefined,
  after: ProcessorTimes | undefined,
): number | undefined {
  if (before === undefined || after === undefined || after.atMs <= before.atMs) return undefined;
  const others = after.busySeconds - before.busySeconds - (after.ownSeconds - before.ownSeconds);
  return Math.max(0, (1000 * others) / (after.atMs - before.atMs));
}

/** What others asked of a machine with so many processors; undefined where that is little or not known. */
export function othersText(
  { learning, episode }: { readonly learning: number | undefined; readonly episode: number | undefined },
  processors: number,
): string | undefined {
  if (episode === undefined || episode < WORTH_TELLING * processors) return undefined;
  const before = learning === undefined ? '' : ` (${learning.toFixed(2)} while Sage learned)`;
  return `Other programs kept ${episode.toFixed(2)} of this machine’s ${processors} processors busy meanwhile${before}: what they slow is slow, too, though nothing is injected there.`;
}

interface Process {
  readonly pid: number;
  readonly parent: number;
  /** With its children that have ended. */
  readonly ticks: number;
}

/**
 * /proc/PID/stat: user and system time are fields 14 and 15, those of children that have been waited for 16 and 17.
 *
 *     4711 (node) S 4700 4711 4700 0 -1 4194304 21067 1404 12 0 95 18 3 1 20 0 11 0 10233 …
 */
function parseProcess(text: string): Process | undefined {
  const match = /^(\d+) \(.*\) \S (\d+) (?:\S+ ){9}(\d+) (\d+) (\d+) (\d+) /s.exec(text);
  if (match === null) return undefined;
  const [pid = 0, parent = 0, ...times] = match.slice(1).map(Number);
  return { pid, parent, ticks: times.reduce((sum, time) => sum + time, 0) };
}

/**
 * /proc/stat: user, nice and system. Interrupts are nobody's, and those of the demo's own packets are many.
 *
 *     cpu  9254 0 5794 260406 1245 0 146 1333 0 0
 */
function parseBusyTicks(text: string): number {
  const [user = 0, nice = 0, system = 0] = (/^cpu +(\d+) (\d+) (\d+) /m.exec(text) ?? [])
    .slice(1)
    .map(Number);
  return user + nice + system;
}
