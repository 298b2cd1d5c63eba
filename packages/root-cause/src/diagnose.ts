import { type Diagnosis, type ObjectiveReading, objectiveNode, readObjective } from '@sage/core';
import { searchFaithfully } from './faithful.js';
import { culpritsFinding, type Finding } from './finding.js';
import { viewGraph } from './graph-view.js';
import { type Inquiry, openInquiry } from './inquiry.js';
import { isOwedToLoad, isSurge, suffersFromLoad, workloadFinding } from './judge-load.js';
import { judgeResources } from './judge-resources.js';
import { blame, blameForExcess, judgeServices, undeterminedFinding } from './judge-services.js';
import { normalReference } from './normal-reference.js';
import { type DiagnoseInput, type DiagnoseOptions, resolveOptions } from './options.js';
import { violationText } from './reason.js';

/**
 * Says which services, and which resource of each, broke the objective in `window` (reference, section 3), or that it
 * was the load, or that it cannot be told. Pure: the same input and seed give the same diagnosis. Missing columns and
 * an empty history are answered with `undetermined`; wrong options throw a RangeError.
 */
export function diagnose(input: DiagnoseInput, options: DiagnoseOptions): Diagnosis {
  const settings = resolveOptions(options);
  const { model, window, history, objective } = input;
  const reading = readObjective(objective, window);
  const conclude = conclusion(input, reading);
  const { observedMs } = reading;
  if (observedMs === undefined) {
    return conclude({ verdict: 'no-violation', reason: 'The window saw no request of the objective.' });
  }
  if (!reading.broken) return conclude({ verdict: 'no-violation', reason: 'The objective is met.' });

  const view = viewGraph(model.graph, objectiveNode(objective));
  if (view === undefined) {
    return conclude({ verdict: 'undetermined', reason: 'The model does not know its operation.' });
  }
  const reference = normalReference(history, window, { objective, graph: model.graph });
  if (reference === undefined) {
    const reason = 'Too few windows met it before to say what is normal.';
    return conclude({ verdict: 'undetermined', reason });
  }

  const inquiry = openInquiry(input, { settings, view, reference, observedMs });
  return conclude(settings.method === 'faithful' ? searchFaithfully(inquiry) : search(inquiry));
}

/** Load, before anyone is blamed for it; then which services; then which resource of each. */
function search(inquiry: Inquiry): Finding {
  if (isSurge(inquiry)) return workloadFinding(inquiry, []);

  const services = judgeServices(inquiry);
  const [first] = services.ranked;
  if (first !== undefined && suffersFromLoad(inquiry, first.service)) {
    return workloadFinding(inquiry, services.candidates);
  }

  const best = blame(inquiry, services);
  const restores = best.blamed.length > 0 && best.probability >= inquiry.settings.minProbability;
  if (!restores && isOwedToLoad(inquiry)) return workloadFinding(inquiry, services.candidates);

  const blamed = restores ? best.blamed : blameForExcess(inquiry, best).blamed;
  if (blamed.length === 0) return undeterminedFinding(inquiry, services, best);

  const resources = judgeResources(inquiry, blamed);
  return culpritsFinding(inquiry, resources, {
    services: services.candidates,
    resources: resources.candidates,
  });
}

/** Where the objective is broken, the reason begins with by how much. */
function conclusion({ objective, window }: DiagnoseInput, { observedMs, broken }: ObjectiveReading) {
  const violation = broken && observedMs !== undefined ? `${violationText(objective, observedMs)} ` : '';
  return ({ verdict, reason, ...findings }: Finding): Diagnosis => ({
    objective: objective.name,
    verdict,
    windowStartMs: window.startMs,
    windowEndMs: window.endMs,
    observedMs,
    thresholdMs: objective.thresholdMs,
    culprits: [],
    services: [],
    resources: [],
    victims: [],
    ...findings,
    reason: `${violation}${reason}`,
  });
}
