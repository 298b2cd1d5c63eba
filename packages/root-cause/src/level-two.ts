import { RESOURCES, type Resource } from '@sage/core';
import type { Attribution } from './attribution.js';
import type { Counterfactuals, Outlook } from './outlook.js';

/** A resource of a culprit, the part of the trouble it explains, and the objective had it been normal. */
export interface RankedResource extends Outlook {
  readonly resource: Resource;
  /** ρ, 0..1. */
  readonly part: number;
}

/** Resources that explain less than this part of what the leading one explains are symptoms at best. */
const PLAUSIBLE = 0.5;

/**
 * The resources of `service`, most likely first, each restored together with the `others` in whole. What explains the
 * trouble leads; among resources of comparable part the one that restores the objective more surely.
 */
export function rankResources(
  service: string,
  ask: Counterfactuals,
  options: { readonly others: readonly string[]; readonly attribution: Attribution },
): readonly RankedResource[] {
  const others = options.others.map((other) => ({ service: other }));
  const ranked = RESOURCES.map((resource) => ({
    resource,
    part: options.attribution.get(resource) ?? 0,
    ...ask([...others, { service, resource }]),
  }));
  const leading = Math.max(...ranked.map(({ part }) => part));
  const plausible = (entry: RankedResource): number => (entry.part >= PLAUSIBLE * leading ? 1 : 0);
  return ranked.sort(
    (a, b) =>
      plausible(b) - plausible(a) ||
      (plausible(a) === 1 ? b.probability - a.probability : 0) ||
      b.part - a.part ||
      RESOURCES.indexOf(a.resource) - RESOURCES.indexOf(b.resource),
  );
}
