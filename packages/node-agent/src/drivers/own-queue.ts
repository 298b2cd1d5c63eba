import { failure, type Outcome, success } from '@sage/core';
import { shortHash } from '../short-hash.js';
import { findClass, isRate, WHOLE_MINOR } from '../steps/link-class.js';
import type { LinkMatch, LinkStep } from '../steps/link-step.js';
import { type Filter, isOwnRoot, type Qdisc, readFilters, readQdiscs, rootOf } from '../steps/tc.js';
import type { System } from '../system.js';
import type { Planned } from './site.js';

/** Where the agent would queue, in an HTB of its own, what leaves an interface of the node or what comes in at it. */
export interface OwnQueue {
  readonly device: string;
  readonly side: 'leaving' | 'entering';
  readonly minor: number;
  /** None: all that passes the interface. */
  readonly matches: readonly LinkMatch[];
}

/** All of one side of an interface that is one container's. */
export function wholeQueue(device: string, side: OwnQueue['side']): OwnQueue {
  return { device, side, minor: WHOLE_MINOR, matches: [] };
}

/** Where the queue is: what comes in can be queued only after it is sent through a device of our own. */
export function queueDevice({ device, side }: OwnQueue): string {
  return side === 'leaving' ? device : `sage-${shortHash(device)}`;
}

/** The rate of the queue's class in bit/s; undefined where nothing of ours holds it back. */
export async function readOwnRate(
  system: System,
  queue: OwnQueue,
): Promise<Outcome<number | undefined, 'unsupported' | 'not-allowed'>> {
  const free = await checkForeign(system, queue);
  if (!free.ok) return free;
  if (!free.value.exists) return success(undefined);
  const found = await findClass(system, queueDevice(queue), queue.minor);
  return found.ok ? success(found.value?.rate) : found;
}

/** Queues to `rate` bit/s. Refuses an interface with queueing disciplines that somebody else chose. */
export async function planQueue(system: System, queue: OwnQueue, rate: number): Promise<Planned> {
  const free = await checkForeign(system, queue);
  if (!free.ok) return free;
  const device = queueDevice(queue);
  const found = free.value.exists ? await findClass(system, device, queue.minor) : success(undefined);
  if (!found.ok) return found;
  const now = found.value;
  if (now !== undefined && isRate(now, rate)) return success([]);
  const { minor, matches } = queue;
  const own: LinkStep = { op: 'link-class', device, minor, matches, value: rate, was: now?.rate ?? null };
  if (now !== undefined) return success([own]);
  const root: LinkStep = { op: 'link-root', device, shared: matches.length > 0 };
  if (queue.side === 'leaving') return success([root, own]);
  return success([
    { op: 'link-mirror', device },
    root,
    own,
    // Last: nothing is sent there before all is ready.
    { op: 'link-redirect', device: queue.device, to: device, minor, matches },
  ]);
}

/** `exists`: an HTB of ours is there, and may hold the class. */
async function checkForeign(
  system: System,
  queue: OwnQueue,
): Promise<Outcome<{ readonly exists: boolean }, 'unsupported' | 'not-allowed'>> {
  const { device, side } = queue;
  const qdiscs = await readQdiscs(system, device);
  if (!qdiscs.ok) return qdiscs;
  if (side === 'leaving') {
    const why = whyNotReplaceable(system, qdiscs.value);
    if (why !== undefined) return failure('not-allowed', `${device} ${why}`);
    return success({ exists: isOwnRoot(rootOf(qdiscs.value)) });
  }
  const entering = qdiscs.value.find(({ kind }) => kind === 'ingress' || kind === 'clsact');
  if (entering === undefined) return success({ exists: false });
  const mirror = queueDevice(queue);
  const filters = await readFilters(system, device, 'ffff:');
  if (!filters.ok) return filters;
  if (entering.kind === 'ingress' && filters.value.every((filter) => redirectsTo(filter, mirror))) {
    return success({ exists: filters.value.length > 0 });
  }
  return failure(
    'not-allowed',
    `${device} has a qdisc ${entering.kind} already, which is not ours to change`,
  );
}

/** `"actions":[{"order":1,"kind":"mirred","mirred_action":"redirect","direction":"egress","to_dev":"sage-1a2b3c4d",…}]` */
function redirectsTo({ options }: Filter, device: string): boolean {
  const actions = (options?.actions ?? []) as readonly { readonly to_dev?: unknown }[];
  return actions.length > 0 && actions.every(({ to_dev }) => to_dev === device);
}

/**
 * Only what the kernel itself puts back when ours goes may be replaced: no queue at all, its default, or one default per
 * hardware queue. What the kernel chose has handle 0:, what somebody added has another one.
 */
function whyNotReplaceable(system: System, qdiscs: readonly Qdisc[]): string | undefined {
  const root = rootOf(qdiscs);
  if (root === undefined || isOwnRoot(root)) return undefined;
  const byDefault = system.read('/proc/sys/net/core/default_qdisc')?.trim() ?? 'pfifo_fast';
  const isDefault = ({ kind, handle }: Qdisc) => handle === '0:' && kind === byDefault;
  const children = qdiscs.filter((each) => each.root !== true && each.parent !== 'ffff:fff1');
  const kept = root.handle === '0:' && ['noqueue', 'mq'].includes(root.kind) && children.every(isDefault);
  if (kept || isDefault(root)) return undefined;
  return `has a root qdisc ${root.kind} ${root.handle}, which somebody chose and the kernel would not put back: it is not ours to change`;
}
