import { failure, type Outcome } from '@sage/core';
import type { AgentConfig, TargetConfig } from '../config.js';
import { findCpuHierarchy, readGroupPids } from '../procfs/cgroup.js';
import { readProcessStatus } from '../procfs/process.js';
import type { Refusal, Step } from '../steps/step.js';
import type { System } from '../system.js';

/** What drivers work with: the node, and what the operator allows. */
export interface Site {
  readonly system: System;
  readonly config: AgentConfig;
  /** The agent itself is never a co-runner. */
  readonly ownPid: number;
}

/** The steps that bring a knob to its value; none where it is there already. */
export type Planned = Outcome<readonly Step[], Refusal>;

export function outOfRange(what: string, value: number, least: number, most: number, unit: string) {
  return failure('out-of-range' as const, `${what} ${value} ${unit}: expected ${least} to ${most} ${unit}`);
}

export function isWithin(value: number, least: number, most: number): boolean {
  return Number.isFinite(value) && value >= least && value <= most;
}

/** The pids of the configuration, or whatever runs in the target's cgroup. */
export function targetPids(site: Site, target: TargetConfig): readonly number[] {
  if (target.pids.length > 0 || target.cgroup === undefined) return target.pids;
  const hierarchy = findCpuHierarchy(site.system);
  return hierarchy.ok ? readGroupPids(site.system, `${hierarchy.value.mount}/${target.cgroup}`) : [];
}

/** Processors on which any process of the target may run. */
export function targetCpus(site: Site, target: TargetConfig): readonly number[] {
  const cpus = new Set<number>();
  for (const pid of targetPids(site, target)) {
    for (const cpu of readProcessStatus(site.system, pid)?.allowedCpus ?? []) cpus.add(cpu);
  }
  return [...cpus].sort((a, b) => a - b);
}
