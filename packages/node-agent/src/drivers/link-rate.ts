import { failure, type LinkDirection, type Outcome, success, type TargetState } from '@sage/core';
import type { LinkConfig, TargetConfig } from '../config.js';
import { type HtbReading, readHtbClass } from '../steps/htb-class.js';
import { readQdiscs, rootOf } from '../steps/tc.js';
import type { System } from '../system.js';
import { targetPids } from '../targets/find-target.js';
import { findVirtualLinks } from '../targets/network.js';
import { type OwnQueue, planQueue, queueDevice, readOwnRate, wholeQueue } from './own-queue.js';
import { isWithin, outOfRange, type Planned, type Site } from './site.js';

export const LEAST_MBIT = 0.1;
/** Of the first target's class on an interface that several share; below are the classes of whole interfaces. */
const FIRST_SHARED_MINOR = 0x10;

/** The configured class, and only under an HTB root with the configured major number. */
export async function readLinkClass(
  system: System,
  device: string,
  classid: string,
): Promise<Outcome<HtbReading, 'unsupported' | 'not-allowed'>> {
  const qdiscs = await readQdiscs(system, device);
  if (!qdiscs.ok) return qdiscs;
  const root = rootOf(qdiscs.value);
  const major = `${classid.split(':')[0]}:`;
  if (root?.kind !== 'htb' || root.handle !== major) {
    const found = root === undefined ? 'no root qdisc' : `a root qdisc ${root.kind} ${root.handle}`;
    return failure(
      'not-allowed',
      `${device} has ${found}: expected htb ${major}, others are not ours to change`,
    );
  }
  return readHtbClass(system, device, classid);
}

export async function linkRateState(
  site: Site,
  target: TargetConfig,
): Promise<Pick<TargetState, 'linkMbitPerSecond' | 'linkIngressMbitPerSecond'>> {
  const { link } = target;
  if (link === undefined) return {};
  const max = link.maxMbit;
  const reach = (rate: number) => ({ current: Math.min(max, rate / 1e6), max });
  if (link.device !== undefined && link.classid !== undefined) {
    const found = await readLinkClass(site.system, link.device, link.classid);
    return found.ok ? { linkMbitPerSecond: reach(found.value.rate) } : {};
  }
  const [egress, ingress] = await Promise.all(
    (['egress', 'ingress'] as const).map(async (direction) => {
      const queue = ownQueue(site, target, link, direction);
      return queue.ok ? await readOwnRate(site.system, queue.value) : queue;
    }),
  );
  return {
    ...(egress?.ok ? { linkMbitPerSecond: reach(egress.value ?? 1e6 * max) } : {}),
    ...(ingress?.ok ? { linkIngressMbitPerSecond: reach(ingress.value ?? 1e6 * max) } : {}),
  };
}

export async function planLinkRate(
  site: Site,
  target: TargetConfig,
  mbitPerSecond: number,
  direction: LinkDirection = 'egress',
): Promise<Planned> {
  const { link } = target;
  if (link === undefined) return failure('unsupported', `${target.name} has no link in the configuration`);
  if (!isWithin(mbitPerSecond, LEAST_MBIT, link.maxMbit)) {
    return outOfRange('link rate', mbitPerSecond, LEAST_MBIT, link.maxMbit, 'Mbit/s');
  }
  const rate = Math.round(mbitPerSecond * 1e6);
  if (link.device !== undefined && link.classid !== undefined) {
    return planConfiguredClass(site.system, link.device, link.classid, rate, direction);
  }
  const queue = ownQueue(site, target, link, direction);
  return queue.ok ? await planQueue(site.system, queue.value, rate) : queue;
}

async function planConfiguredClass(
  system: System,
  device: string,
  classid: string,
  rate: number,
  direction: LinkDirection,
): Promise<Planned> {
  if (direction === 'ingress') {
    return failure('unsupported', `the class ${classid} of ${device} queues one direction only`);
  }
  const now = await readLinkClass(system, device, classid);
  if (!now.ok) return now;
  const { classid: _, backlogBytes: __, drops: ___, ...was } = now.value;
  if (was.rate === rate && was.ceil === rate) return success([]);
  return success([{ op: 'htb', device, classid, value: { ...was, rate, ceil: rate }, was }]);
}

function ownQueue(
  site: Site,
  target: TargetConfig,
  link: LinkConfig,
  direction: LinkDirection,
): Outcome<OwnQueue, 'unsupported'> {
  const device = link.device === undefined ? targetDevice(site, target) : success(link.device);
  return device.ok ? success(queueAt(site, target, link, device.value, direction)) : device;
}

/**
 * With addresses the interface is one that several share: what leaves it the target has sent, and addresses tell whose
 * it is. Without, it is the node's end of the pair of interfaces that a container has its network through: what leaves it
 * the target receives, and all of it is the target's, whatever translates addresses further on.
 */
function queueAt(
  site: Site,
  target: TargetConfig,
  { addresses }: LinkConfig,
  device: string,
  direction: LinkDirection,
): OwnQueue {
  const egress = direction === 'egress';
  if (addresses.length === 0) return wholeQueue(device, egress ? 'entering' : 'leaving');
  return {
    device,
    side: egress ? 'leaving' : 'entering',
    minor: FIRST_SHARED_MINOR + site.config.targets.indexOf(target),
    matches: addresses.map((address) => ({ field: egress ? 'src' : 'dst', address })),
  };
}

/** Where the classes are in which the agent would queue what the target sends and receives. */
export function linkQueues(
  site: Site,
  target: TargetConfig,
  link: LinkConfig,
  device: string,
): readonly { readonly device: string; readonly minor: number }[] {
  return (['egress', 'ingress'] as const).map((direction) => {
    const queue = queueAt(site, target, link, device, direction);
    return { device: queueDevice(queue), minor: queue.minor };
  });
}

/** The node's end of the only pair of interfaces of the target. */
export function targetDevice(site: Site, target: TargetConfig): Outcome<string, 'unsupported'> {
  const pid = targetPids(site, target)[0];
  if (pid === undefined) return failure('unsupported', `no process of ${target.name} runs`);
  const links = findVirtualLinks(site.system, pid);
  if (!links.ok) return links;
  const devices = links.value.map(({ device }) => device);
  if (devices.length === 1) return success(devices[0] as string);
  return failure('unsupported', `${target.name} has several interfaces: name one of ${devices.join(', ')}`);
}
