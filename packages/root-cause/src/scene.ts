import type { Abduction } from '@sage/causal-graph';
import { type LatencyNodeId, objectiveNode } from '@sage/core';
import { noSigns, readSigns, type ServiceSigns } from './anomaly.js';
import { type Attribution, attribute, calleeSlowness } from './attribution.js';
import { LESSER } from './directness.js';
import { type OwnAnomaly, ownAnomaly } from './evidence.js';
import { excusedWaits } from './excused-waits.js';
import { type GraphView, viewGraph } from './graph-view.js';
import type { RestorationFacts } from './intervene.js';
import { meanExcesses } from './mean-excess.js';
import { type NormalReference, normalReference } from './normal-reference.js';
import type { DiagnoseInput, Settings } from './options.js';
import { type OwnDelay, ownDelays } from './own-delays.js';
import { seeLackingPools } from './pool-capacity.js';
import { assignResponsibility } from './responsibility.js';
import { seeUntraced } from './untraced.js';

/** A window after abduction: what each service suffered, and whose the latency is that two could have caused. */
export interface Scene {
  /** With who is measured and not traced, where it may be to blame. */
  readonly view: GraphView;
  readonly abduction: Abduction;
  readonly signs: ReadonlyMap<string, ServiceSigns>;
  readonly signsOf: (service: string) => ServiceSigns;
  readonly facts: RestorationFacts;
  /** How far from normal each service of the view is by its own doing. */
  readonly anomalies: ReadonlyMap<string, OwnAnomaly>;
  /** Of services that are out of the ordinary, if only by half as much as a suspect. */
  readonly ownDelays: ReadonlyMap<LatencyNodeId, OwnDelay>;
}

/** The scene of a window beside what was normal before it; undefined where the graph or history tell nothing of that. */
export function sceneOf(
  { model, window, history, objective }: DiagnoseInput,
  { anomalyThreshold: threshold }: Pick<Settings, 'anomalyThreshold'>,
): Scene | undefined {
  const view = viewGraph(model.graph, objectiveNode(objective));
  const reference = normalReference(history, window, { objective, graph: model.graph });
  if (view === undefined || reference === undefined) return undefined;
  return readScene({ model, window, history, objective }, { view, reference, threshold });
}

export function readScene(
  { model, window, history, objective }: DiagnoseInput,
  {
    view: traced,
    reference,
    threshold,
  }: { readonly view: GraphView; readonly reference: NormalReference; readonly threshold: number },
): Scene {
  const abduction = model.abduct(window);
  const seen = seeUntraced(
    {
      view: traced,
      signs: readSigns(traced, window, { reference, abduction, percentile: objective.percentile }),
    },
    { window, reference, threshold },
  );
  const { view } = seen;
  const signs = seeLackingPools(seen, { graph: model.graph, window, history });
  const means = meanExcesses(traced, { window, reference });
  const responsibility = assignResponsibility(signs, view, means);
  const signsOf = (service: string) => signs.get(service) ?? noSigns(service);
  const anomalies = new Map(
    view.services.map((service) => [
      service,
      ownAnomaly(signsOf(service), responsibility, () => calleeSlowness(service, signs, responsibility)),
    ]),
  );
  const odd = view.services.filter(
    (service) => (anomalies.get(service)?.decisive ?? 0) >= LESSER * threshold,
  );
  const attributions = new Map<string, Attribution>();
  const attribution = (service: string): Attribution => {
    const known = attributions.get(service) ?? attribute(service, signs, responsibility);
    attributions.set(service, known);
    return known;
  };
  return {
    view,
    abduction,
    signs,
    signsOf,
    anomalies,
    ownDelays: ownDelays(odd, { view, responsibility, means }),
    facts: {
      view,
      window,
      reference,
      responsibility,
      attribution,
      excusedWaits: excusedWaits({
        ...{ view, signs, window, reference, abduction, responsibility },
        percentile: objective.percentile,
      }),
    },
  };
}
