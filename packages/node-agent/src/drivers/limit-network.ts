import { failure, type Outcome, success } from '@sage/core';
import type { TargetConfig } from '../config.js';
import { listPids, readCommandLine } from '../procfs/process.js';
import type { Step } from '../steps/step.js';
import { findVirtualLinks } from '../targets/network.js';
import { isAllowedCommand } from './allow-list.js';
import { LEAST_MBIT, targetDevice } from './link-rate.js';
import { planQueue, readOwnRate, wholeQueue } from './own-queue.js';
import type { Planned, Site } from './site.js';

/** What a limited container gets of the highest rate of the target's link, each way. */
const LIMITED_SHARE = 0.05;

/**
 * The containers of the processes to a small rate, each way, at the node's end of their interfaces. That holds back all
 * that runs in them, so all of it has to be on the allow-list.
 */
export async function planLimitNetwork(
  site: Site,
  target: TargetConfig,
  pids: readonly number[],
): Promise<Planned> {
  if (target.link === undefined) {
    return failure('unsupported', `${target.name} has no link in the configuration`);
  }
  const rate = Math.round(1e6 * Math.max(LEAST_MBIT, LIMITED_SHARE * target.link.maxMbit));
  const devices = new Set<string>();
  for (const pid of pids) {
    const found = coRunnerDevices(site, pid);
    if (!found.ok) return found;
    for (const device of found.value) devices.add(device);
  }
  const steps: Step[] = [];
  for (const device of devices) {
    for (const side of ['entering', 'leaving'] as const) {
      const queue = wholeQueue(device, side);
      const now = await readOwnRate(site.system, queue);
      if (!now.ok) return now;
      // Another change limits it already, and knows how to undo that.
      if (now.value !== undefined) continue;
      const planned = await planQueue(site.system, queue, rate);
      if (!planned.ok) return planned;
      steps.push(...planned.value);
    }
  }
  return success(steps);
}

function coRunnerDevices(site: Site, pid: number): Outcome<readonly string[], 'not-allowed' | 'unsupported'> {
  const links = findVirtualLinks(site.system, pid);
  if (!links.ok) return links;
  const namespace = site.system.link(`/proc/${pid}/ns/net`);
  const other = listPids(site.system).find((each) => {
    if (site.system.link(`/proc/${each}/ns/net`) !== namespace) return false;
    const command = readCommandLine(site.system, each);
    // One without has ended, or is the kernel's; `pause` holds the namespaces of a pod open, and does nothing else.
    const isIdle = command === '' || site.system.read(`/proc/${each}/comm`)?.trim() === 'pause';
    return !isIdle && !isAllowedCommand(site, command);
  });
  if (other !== undefined) {
    const command = readCommandLine(site.system, other).slice(0, 80);
    return failure(
      'not-allowed',
      `process ${pid} shares its network with process ${other}, and "${command}" matches no co_runners.allow`,
    );
  }
  const devices = links.value.map(({ device }) => device);
  const ofTarget = site.config.targets.find((target) => {
    if (target.link === undefined) return false;
    const own = target.link.device ?? targetDevice(site, target);
    const device = typeof own === 'string' ? own : own.ok ? own.value : undefined;
    return device !== undefined && devices.includes(device);
  });
  if (ofTarget !== undefined) {
    return failure('not-allowed', `process ${pid} has its network through the link of ${ofTarget.name}`);
  }
  return success(devices);
}
