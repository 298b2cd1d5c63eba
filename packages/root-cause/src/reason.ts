import type { Culprit, Evidence, Objective, Victim } from '@sage/core';
import type { NormalReference } from './normal-reference.js';

const RESOURCE_WORDS = {
  cpu: 'processor time',
  memory: 'memory',
  disk: 'the disk',
  network: 'the network link',
  llc: 'the last-level cache',
  software: 'software or configuration (a pool, a lock, a leak)',
} as const;

/** “p99 of frontend /hotels is 310 ms, over its objective of 120 ms.” */
export function violationText(objective: Objective, observedMs: number): string {
  const name = objective.percentile.replace('Ms', '');
  return `${name} of ${objective.service} ${objective.operation} is ${number(observedMs)} ms, over its objective of ${number(objective.thresholdMs)} ms.`;
}

export function culpritsText(culprits: readonly Culprit[], victims: readonly Victim[]): string {
  const causes = culprits.map(({ service, resource, evidence }) => {
    const first = evidence[0];
    return `${RESOURCE_WORDS[resource]} of ${service}${first === undefined ? '' : ` (${evidenceText(first)})`}`;
  });
  const names = victims.map(({ service }) => service);
  const wait =
    names.length === 0 ? '' : `; ${list(names)} only ${names.length === 1 ? 'waits' : 'wait'} for it`;
  const probability = Math.min(...culprits.map((culprit) => culprit.probability));
  return `The cause is ${list(causes)}: had ${causes.length === 1 ? 'it' : 'they'} behaved as usual, the objective would hold with probability ${probability.toFixed(2)}${wait}.`;
}

export function workloadText(load: number, reference: NormalReference): string {
  return `Load is ${number(load)} requests/s, ${number(load / reference.largestLoadPerSecond)} times the most at which the objective was met, and no service suffers more than that explains.`;
}

export function evidenceText({ name, unit, observed, expected }: Evidence): string {
  const suffix = unit === '1' ? '' : ` ${unit}`;
  return `${name} ${number(observed)}${suffix}, normally ${number(expected)}${suffix}`;
}

function list(items: readonly string[]): string {
  if (items.length < 2) return items.join('');
  return `${items.slice(0, -1).join(', ')} and ${items.at(-1)}`;
}

function number(value: number): string {
  return String(Number(value.toPrecision(3)));
}
