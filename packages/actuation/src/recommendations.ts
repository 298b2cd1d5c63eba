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

/** What a person should do where nobody is blamed. `service`: the one that saturates. */
export function withoutCulprit(verdict: Exclude<Diagnosis['verdict'], 'culprits'>, service?: string): string {
  switch (verdict) {
    case 'workload':
      return service === undefined
        ? 'Scale the application out or shed load: no service is at fault.'
        : `Scale ${service} out, which saturates first, or shed load: no service is at fault.`;
    case 'undetermined':
      return 'Look at it yourself: the cause could not be determined, so nothing is changed.';
    case 'no-violation':
      return 'Nothing to do: the objective is met.';
  }
}

const MOST_NAMED = 5;

export function sharing(service: string, node: string, others: readonly string[]): string {
  const more = others.length - MOST_NAMED;
  const named = others.slice(0, MOST_NAMED).join(', ');
  return `On ${node} ${service} runs beside ${named}${more > 0 ? ` and ${more} more` : ''}.`;
}

export function replicaUnknown(replica: string): string {
  return `No node agent looks after the replica ${replica}, which alone is bad.`;
}

export function scaledOut(service: string, replica: string): string {
  return `Replace the replica ${replica} of ${service}, which alone is bad.`;
}
