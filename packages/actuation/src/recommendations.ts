import type { Diagnosis, Resource } from '@sage/core';

const WHEN_EXHAUSTED: Readonly<Record<Resource, (service: string) => string>> = {
  cpu: (service) => `Give ${service} more processor time: move its neighbours, or scale it out.`,
  memory: (service) =>
    `Raise the memory limit of ${service} or move its neighbours; scale it out if that is not enough.`,
  disk: (service) => `Limit the disk use of the neighbours of ${service}, or move it to another disk.`,
  network: (service) => `Look at the link of ${service}: delay, loss, and what else sends over it.`,
  llc: (service) => `Move the neighbours of ${service} that fill the last-level cache, or scale it out.`,
  software: (service) =>
    `Look at the pools, threads and locks of ${service}; restart it, or roll back its last release.`,
};

/** What a person should do once the ladder of the resource has no rung left. */
export function whenExhausted(service: string, resource: Resource): string {
  return WHEN_EXHAUSTED[resource](service);
}

const WITHOUT_CULPRIT: Readonly<Record<Diagnosis['verdict'], string>> = {
  culprits: '',
  workload: 'Scale the application out or shed load: no service is at fault.',
  undetermined: 'Look at it yourself: the cause could not be determined, so nothing is changed.',
  'no-violation': 'Nothing to do: the objective is met.',
};

/** What a person should do where nobody is blamed. */
export function withoutCulprit(verdict: Exclude<Diagnosis['verdict'], 'culprits'>): string {
  return WITHOUT_CULPRIT[verdict];
}
