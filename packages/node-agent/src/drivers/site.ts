import { failure, type Outcome } from '@sage/core';
import type { AgentConfig } from '../config.js';
import type { Refusal, Step } from '../steps/step.js';
import type { System } from '../system.js';
import type { ControlGroups } from '../targets/control-groups.js';

/** What drivers work with: the node, and what the operator allows. */
export interface Site {
  readonly system: System;
  readonly config: AgentConfig;
  readonly groups: ControlGroups;
  /** The agent itself is never a co-runner. */
  readonly ownPid: number;
}

/** The steps that bring a knob to its value; none where it is there already. */
export type Planned = Outcome<readonly Step[], Refusal>;

/** Tells of a process what keeps it from being in the target's way; undefined where nothing does. */
export type WhyNotSharing = (pid: number) => string | undefined;

export function outOfRange(what: string, value: number, least: number, most: number, unit: string) {
  return failure('out-of-range' as const, `${what} ${value} ${unit}: expected ${least} to ${most} ${unit}`);
}

export function isWithin(value: number, least: number, most: number): boolean {
  return Number.isFinite(value) && value >= least && value <= most;
}
