import { failure, type Outcome, success } from '@sage/core';
import type { TargetConfig } from '../config.js';
import type { Site } from '../drivers/site.js';
import {
  CONTROLLERS,
  type ControlGroup,
  type Controller,
  readCgroupDirectory,
  readPidsBelow,
} from '../procfs/cgroup.js';
import { readProcessStatus } from '../procfs/process.js';
import { findPodContainer } from './pods.js';

/** What a target is on this node at this moment. Pids live no longer than the request or sample that asked. */
export interface FoundTarget {
  /** For people: `container 4f1c2d…`. */
  readonly described: string;
  readonly pids: readonly number[];
  /** Its own group in the tree of a controller; fails where it has none there. */
  group(controller: Controller): Outcome<ControlGroup, 'unsupported'>;
}

/**
 * Finds a target by what the configuration calls it, from the files of the node alone. Containers that restart are found
 * again: their pids are those of their group, and a pod's containers are looked up anew.
 */
export function findTarget(site: Site, target: TargetConfig): Outcome<FoundTarget, 'not-found'> {
  const { containerId, pod, container, systemdUnit } = target;
  if (containerId !== undefined) return findContainer(site, target.name, containerId);
  if (systemdUnit !== undefined) return findUnit(site, target.name, systemdUnit);
  if (pod !== undefined) {
    const found = findPodContainer(site.system, site.groups, { pod, container });
    return found.ok ? success(inGroup(site, target.name, `pod ${pod}`, found.value)) : found;
  }
  return findNamed(site, target);
}

function findContainer(site: Site, name: string, id: string): Outcome<FoundTarget, 'not-found'> {
  const places = site.groups.find({ kind: 'container', id });
  return onePlace(site, name, `container ${id}`, places);
}

function findUnit(site: Site, name: string, unit: string): Outcome<FoundTarget, 'not-found'> {
  return onePlace(site, name, `unit ${unit}`, site.groups.find({ kind: 'unit', name: unit }));
}

/** The trees of several controllers show one place; several places are several containers or units. */
function onePlace(
  site: Site,
  name: string,
  described: string,
  places: readonly ControlGroup[],
): Outcome<FoundTarget, 'not-found'> {
  const paths = [...new Set(places.map(relativePath))];
  if (paths.length > 1)
    return failure('not-found', `${described} is not one but several: ${paths.join(', ')}`);
  const place = places[0];
  if (place === undefined) return failure('not-found', `no ${described} runs here`);
  return success(inGroup(site, name, described, place));
}

function relativePath({ hierarchy, directory }: ControlGroup): string {
  return directory.slice(hierarchy.mount.length + 1);
}

function inGroup(site: Site, name: string, described: string, place: ControlGroup): FoundTarget {
  return {
    described,
    pids: readPidsBelow(site.system, place.directory),
    group: (controller) => groupAt(site, name, controller, relativePath(place)),
  };
}

function groupAt(
  site: Site,
  name: string,
  controller: Controller,
  path: string,
): Outcome<ControlGroup, 'unsupported'> {
  const hierarchy = site.groups.hierarchy(controller);
  if (!hierarchy.ok) return hierarchy;
  const directory = `${hierarchy.value.mount}/${path}`;
  if (site.system.exists(directory)) return success({ hierarchy: hierarchy.value, directory });
  return failure('unsupported', `the cgroup ${directory} of ${name} does not exist`);
}

/** By the pids or the path of the configuration. */
function findNamed(site: Site, target: TargetConfig): Outcome<FoundTarget, 'not-found'> {
  const { name, cgroup } = target;
  const living = target.pids.filter((pid) => site.system.exists(`/proc/${pid}`));
  if (cgroup === undefined) {
    const first = living[0];
    if (first === undefined) return failure('not-found', `no process ${target.pids.join(', ')} runs`);
    return success({
      described: `process ${living.join(', ')}`,
      pids: living,
      group: (controller) => groupOfProcess(site, name, controller, first),
    });
  }
  const place = CONTROLLERS.map((controller) => groupAt(site, name, controller, cgroup)).find(({ ok }) => ok);
  if (!place?.ok && living.length === 0) return failure('not-found', `no cgroup ${cgroup} is here`);
  return success({
    described: `cgroup ${cgroup}`,
    pids: target.pids.length > 0 || !place?.ok ? living : readPidsBelow(site.system, place.value.directory),
    group: (controller) => groupAt(site, name, controller, cgroup),
  });
}

/** The root group is no target's own. */
function groupOfProcess(
  site: Site,
  name: string,
  controller: Controller,
  pid: number,
): Outcome<ControlGroup, 'unsupported'> {
  const hierarchy = site.groups.hierarchy(controller);
  if (!hierarchy.ok) return hierarchy;
  const directory = readCgroupDirectory(site.system, hierarchy.value, pid);
  if (directory === undefined || directory === hierarchy.value.mount) {
    return failure('unsupported', `${name} runs in no ${controller} cgroup of its own`);
  }
  return success({ hierarchy: hierarchy.value, directory });
}

/** Its processes now; empty where it is not found. */
export function targetPids(site: Site, target: TargetConfig): readonly number[] {
  const found = findTarget(site, target);
  return found.ok ? found.value.pids : [];
}

export function findTargetGroup(
  site: Site,
  target: TargetConfig,
  controller: Controller,
): Outcome<ControlGroup, 'unsupported'> {
  const found = findTarget(site, target);
  return found.ok ? found.value.group(controller) : failure('unsupported', found.message);
}

/** Processors on which any process of the target may run. */
export function targetCpus(site: Site, target: TargetConfig): readonly number[] {
  const cpus = new Set<number>();
  for (const pid of targetPids(site, target)) {
    for (const cpu of readProcessStatus(site.system, pid)?.allowedCpus ?? []) cpus.add(cpu);
  }
  return [...cpus].sort((a, b) => a - b);
}
