import { type Failure, type Outcome, success } from '@sage/core';
import type { OpenEntry } from './journal.js';
import { RecentEvents } from './recent-events.js';
import { standingOf } from './steps/drift.js';
import { applyStep, verifyStep } from './steps/execute.js';
import type { Step } from './steps/step.js';
import type { System } from './system.js';

export interface Repaired {
  /** As it was, but that undoing it brings back what somebody else has put there meanwhile. */
  readonly entry: OpenEntry;
  /** What stood there instead; empty where everything is in force. */
  readonly found: readonly string[];
  /** What could not be repaired. */
  readonly failed: Failure | undefined;
}

/**
 * Does again what is in force no more. `record` keeps the entry safe before the node is written to, and where it
 * cannot nothing is written.
 */
export async function repairEntry(
  system: System,
  entry: OpenEntry,
  record: (entry: OpenEntry) => Outcome<void>,
): Promise<Repaired> {
  const found: string[] = [];
  let current = entry;
  for (const [index, step] of entry.steps.entries()) {
    const standing = await standingOf(system, step);
    if (standing.kind !== 'drifted') continue;
    found.push(standing.found);
    const next = { ...current, steps: current.steps.with(index, standing.step) };
    const recorded = record(next);
    if (!recorded.ok) return { entry: current, found, failed: recorded };
    current = next;
    const done = await doAgain(system, standing.step);
    if (!done.ok) return { entry: current, found, failed: done };
  }
  return { entry: current, found, failed: undefined };
}

async function doAgain(system: System, step: Step): Promise<Outcome<void>> {
  const applied = await applyStep(system, step);
  if (applied.ok) return verifyStep(system, step);
  // Ended between the look and the write.
  return applied.reason === 'gone' ? success(undefined) : applied;
}

/** How often what somebody else writes is overwritten before it is left to them. */
export interface Patience {
  readonly giveUpAfter: number;
  readonly withinSeconds: number;
}

/** Who turns our knobs, how often, and which are left to them for a while. */
export class Contention {
  readonly #repairs = new Map<string, RecentEvents>();
  readonly #leftUntilMs = new Map<string, number>();

  constructor(private readonly patience: Patience) {}

  /** Counts one more repair of a knob; true where that was one too many. */
  isLost(knob: string, nowMs: number): boolean {
    const recent = this.#repairs.get(knob) ?? new RecentEvents(1000 * this.patience.withinSeconds);
    recent.add(nowMs);
    this.#repairs.set(knob, recent);
    return recent.count(nowMs) > this.patience.giveUpAfter;
  }

  leave(knob: string, nowMs: number): void {
    this.#repairs.delete(knob);
    this.#leftUntilMs.set(knob, nowMs + 1000 * this.patience.withinSeconds);
  }

  forget(knob: string): void {
    this.#repairs.delete(knob);
  }

  /** Seconds for which a knob is still left to others; 0 for one that is not. */
  leftForSeconds(knob: string, nowMs: number): number {
    const untilMs = this.#leftUntilMs.get(knob) ?? 0;
    if (untilMs > nowMs) return Math.ceil((untilMs - nowMs) / 1000);
    this.#leftUntilMs.delete(knob);
    return 0;
  }
}
