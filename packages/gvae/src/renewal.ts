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
  { present, plan: { kind, services } }: { readonly present: FittedModel; readonly plan: RetrainingPlan },
): Unfinished {
  const { layout } = fresh;
  const before = present.state;
  const learning = new Set(services);
  const units = layout.units.flatMap(({ service }, u) => (learning.has(service) ? [u] : []));
  const wasFed = causesByName(before.layout);
  const isFed = causesByName(layout);
  const keepsNode = (node: string) =>
    kind !== 'drift' && wasFed.has(node) && wasFed.get(node) === isFed.get(node);
  const scales = renewScales(layout, windows, before, {
    keepsService: (service) => kind !== 'drift' || !learning.has(service),
    keepsNode: (node, owners) => keepsNode(node) || !owners.some((owner) => learning.has(owner)),
  });
  return {
    ...fresh,
    units,
    scales,
    parameters: warmStart(layout, fresh.parameters, before),
    residuals: keepResiduals(layout, before),
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
