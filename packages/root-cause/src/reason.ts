import {
  type Culprit,
  type Evidence,
  measured,
  measurementName,
  milliseconds,
  type Objective,
  objectiveNode,
  operationName,
  type Victim,
} from '@sage/core';
import type { LeadingLoad } from './leading-load.js';

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
  return `${name} of ${objective.service} ${objective.operation} is ${milliseconds(observedMs)}, over its objective of ${milliseconds(objective.thresholdMs)}.`;
}

/** Of a violation that goes on less surely than this it is said. */
const SURE_TO_LAST = 0.9;

/** `holds`: the objective, had the culprits behaved. `lasts`: what broke it is not over by itself. Both are probabilities. */
export function culpritsText(
  culprits: readonly Culprit[],
  victims: readonly Victim[],
  { holds, lasts }: { readonly holds: number; readonly lasts: number },
): string {
  const causes = culprits.map(({ service, resource, replica, evidence }) => {
    const first = evidence[0];
    const where = replica === undefined ? service : `${service}, its replica ${replica} alone`;
    return `${RESOURCE_WORDS[resource]} of ${where}${first === undefined ? '' : ` (${evidenceText(first)})`}`;
  });
  const names = victims.map(({ service }) => service);
  const others =
    names.length === 0
      ? ''
      : `; ${list(names)} ${names.length === 1 ? 'is' : 'are'} slow, too, but not the cause`;
  const explained = culprits.reduce((sum, { share }) => sum + share, 0);
  const gone = holds < 0.5 ? `${Math.floor(100 * explained)} % of the excess would be gone, and ` : '';
  const over =
    lasts < SURE_TO_LAST
      ? ` A pause or two explain as much, and may be over: it lasts with probability ${lasts.toFixed(2)}.`
      : '';
  return `The cause is ${list(causes)}: had ${causes.length === 1 ? 'it' : 'they'} behaved as usual, ${gone}the objective would hold with probability ${holds.toFixed(2)}${others}.${over}`;
}

export function workloadText(load: LeadingLoad, objective: Objective): string {
  const { root, perSecond, largestPerSecond } = load;
  const whose = root === objectiveNode(objective) ? 'Load' : `Load of ${operationName(root)}`;
  return `${whose} is ${number(perSecond)} requests/s, ${number(perSecond / largestPerSecond)} times the most at which the objective was met, and no service suffers more than that explains.`;
}

/** The load where it is told by what all services use, and not by what is counted. */
export function useOfAllText(growth: number): string {
  return `Services use ${number(growth)} times the processor time that is usual, most of them more than ever before: more is asked of all, and no service suffers more than that explains.`;
}

function evidenceText({ name, unit, observed, expected }: Evidence): string {
  return `${measurementName(name)} ${measured(observed, unit, name)}, normally ${measured(expected, unit, name)}`;
}

function list(items: readonly string[]): string {
  if (items.length < 2) return items.join('');
  return `${items.slice(0, -1).join(', ')} and ${items.at(-1)}`;
}

function number(value: number): string {
  return String(Number(value.toPrecision(3)));
}
