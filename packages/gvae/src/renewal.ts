import type { Window } from '@sage/core';
import { emptyResiduals, type Residuals } from './calibration.js';
import { copyResidual } from './excerpt.js';
import type { FittedModel } from './fitted-model.js';
import type { Layout } from './layout.js';
import { indexOf } from './layout-index.js';
import type { Unfinished } from './learn-units.js';
import { renewScales } from './renewed-scales.js';
import { causesByName, type RetrainingPlan } from './retraining.js';
import { warmStart } from './warm-start.js';

/**
 * The present model in a new layout: units that stay keep networks, scales and residuals; those of the plan begin with
 * what they knew and learn again from `windows`, which nothing else of is read.
 */
export function renew(
  fresh: Pick<Unfinished, 'graph' | 'layout' | 'parameters'>,
  windows: readonly Window[],
  { present, plan }: { readonly present: FittedModel; readonly plan: RetrainingPlan },
): Unfinished {
  const { layout } = fresh;
  const before = present.state;
  const learning = new Set(plan.services);
  const isOutgrown = new Set(plan.outgrown);
  const isThere = new Set(layout.units.map(({ service }) => service));
  const units = layout.units.flatMap(({ service }, u) => (learning.has(service) ? [u] : []));
  const wasFed = causesByName(before.layout);
  const isFed = causesByName(layout);
  const isFedAlike = (node: string) => wasFed.has(node) && wasFed.get(node) === isFed.get(node);
  const scales = renewScales(layout, windows, before, {
    keepsService: (service) => !isOutgrown.has(service),
    keepsNode: (node, owners) =>
      !owners.some((owner) => learning.has(owner)) ||
      (isFedAlike(node) && !owners.some((owner) => isOutgrown.has(owner))),
    keepsLoad: (root) => !plan.loads.includes(root),
  });
  return {
    ...fresh,
    units,
    scales,
    parameters: warmStart(layout, fresh.parameters, before),
    residuals: keepResiduals(layout, before),
    learntFrom: new Map([...before.learntFrom].filter(([service]) => isThere.has(service))),
  };
}

function keepResiduals(
  layout: Layout,
  before: { readonly layout: Layout; readonly residuals: Residuals },
): Residuals {
  const kept = emptyResiduals(layout);
  const there = indexOf(before.layout);
  layout.nodes.forEach((node, v) => {
    const from = there.node.get(node);
    if (from !== undefined) copyResidual(before.residuals, from, kept, v);
  });
  return kept;
}
