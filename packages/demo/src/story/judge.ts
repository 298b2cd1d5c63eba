import type { Diagnosis, Resource } from '@sage/core';

/** What was injected, or nothing. */
export interface Truth {
  readonly service: string;
  readonly resource: Resource;
}

export interface Judgement {
  readonly rightService: boolean;
  readonly rightResource: boolean;
  /** Services named beside the injected one. */
  readonly alsoBlamed: readonly string[];
}

/** Compares what Sage said with what was done. Without a fault the right answer is to blame nobody. */
export function judge(truth: Truth | undefined, diagnosis: Diagnosis | undefined): Judgement {
  const culprits = diagnosis?.culprits ?? [];
  const first = culprits[0];
  const alsoBlamed = culprits
    .filter((culprit) => culprit.service !== truth?.service)
    .map((culprit) => culprit.service);
  if (truth === undefined) {
    const silent = first === undefined;
    return { rightService: silent, rightResource: silent, alsoBlamed };
  }
  const rightService = first?.service === truth.service;
  return { rightService, rightResource: rightService && first?.resource === truth.resource, alsoBlamed };
}
