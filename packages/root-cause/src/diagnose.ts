import {
  type Candidate,
  type Culprit,
  type Diagnosis,
  type ObjectiveReading,
  objectiveNode,
  readObjective,
} from '@sage/core';
import { ownAnomaly, resourceEvidence, serviceEvidence } from './evidence.js';
import { faithfulSearch } from './faithful.js';
import { viewGraph } from './graph-view.js';
import { findCulprits, type RankedSuspect, rankSuspects, type Suspect, shares } from './level-one.js';
import { type RankedResource, rankResources } from './level-two.js';
import { normalReference } from './normal-reference.js';
import { type DiagnoseInput, type DiagnoseOptions, resolveOptions } from './options.js';
import { counterfactuals, foresee } from './outlook.js';
import { culpritsText, violationText, workloadText } from './reason.js';
import { type BadReplica, badReplica } from './replica.js';
import { readScene } from './scene.js';
import { findVictims } from './victims.js';
import { isOverloaded, normalLoad, strainedBeyondLoad } from './workload.js';

/** How many services beside the suspects are listed. */
const LISTED = 5;

/**
 * Says which services, and which resource of each, broke the objective in `window` (reference, section 3), or that it
 * was the load, or that it cannot be told. Pure: the same input and seed give the same diagnosis. Missing columns and
 * an empty history are answered with `undetermined`; wrong options throw a RangeError.
 */
export function diagnose(input: DiagnoseInput, options: DiagnoseOptions): Diagnosis {
  const settings = resolveOptions(options);
  const { model, window, history, objective } = input;

  const reading = readObjective(objective, window);
  const observedMs = reading.observedMs;
  const conclude = conclusion(input, reading);
  if (observedMs === undefined)
    return conclude('no-violation', 'The window saw no request of the objective.');
  if (!reading.broken) return conclude('no-violation', 'The objective is met.');
  const violation = violationText(objective, observedMs);

  const traced = viewGraph(model.graph, objectiveNode(objective));
  if (traced === undefined)
    return conclude('undetermined', `${violation} The model does not know its operation.`);
  const reference = normalReference(history, window, { objective, roots: model.graph.roots });
  if (reference === undefined) {
    return conclude('undetermined', `${violation} Too few windows met it before to say what is normal.`);
  }

  // Abduction: what each service suffered, and whose the latency is that two could have caused.
  const percentile = objective.percentile;
  const { view, abduction, signs, signsOf, facts } = readScene(input, {
    view: traced,
    reference,
    threshold: settings.anomalyThreshold,
  });
  const { responsibility, attribution } = facts;

  // Action and prediction, in the same worlds for every question.
  const worlds = { objective, rng: settings.rng.fork('worlds'), samples: settings.samples };
  const ask = counterfactuals(model, abduction, { ...worlds, facts });
  const candidate = ({ service, anomaly, medianMs, probability }: RankedSuspect): Candidate => ({
    service,
    resource: undefined,
    anomaly,
    counterfactualMs: medianMs,
    probability,
    evidence: serviceEvidence(signsOf(service), responsibility),
  });

  const resourceCandidate = (
    service: string,
    { resource, medianMs, probability }: RankedResource,
  ): Candidate => {
    const evidence = resourceEvidence(signsOf(service), resource, responsibility);
    const anomaly = Math.max(0, ...evidence.map(({ z }) => z));
    return { service, resource, anomaly, counterfactualMs: medianMs, probability, evidence };
  };

  if (settings.method === 'faithful') {
    const found = faithfulSearch(view, model, { ...settings, objective, abduction, reference });
    const culprits = found.culprits.map(
      ({ service, resource, ...rest }): Culprit => ({
        ...rest,
        service,
        resource,
        evidence: resourceEvidence(signsOf(service), resource, responsibility),
      }),
    );
    const victims = findVictims(view, window, { reference, culprits: culprits.map((c) => c.service) });
    return found.restored && culprits.length > 0
      ? conclude('culprits', `${violation} ${culpritsText(culprits, victims)}`, { culprits, victims })
      : conclude('undetermined', `${violation} No three services restore it.`, { victims });
  }

  // Load, before anyone is blamed for it.
  const load = reading.requestsPerSecond;
  const growth = reference.loadPerSecond > 0 ? load / reference.loadPerSecond : 1;
  const beyond = { window, growth, threshold: settings.anomalyThreshold };
  const loadRestores = (): boolean => {
    const intervention = normalLoad(reference, signs, beyond);
    return foresee(model, abduction, { ...worlds, intervention }).probability >= settings.minProbability;
  };
  const workload = (services: readonly Candidate[]): Diagnosis =>
    conclude('workload', `${violation} ${workloadText(load, reference)}`, {
      services,
      victims: findVictims(view, window, { reference, culprits: [] }),
    });
  if (load > settings.surgeRatio * reference.largestLoadPerSecond) {
    if (strainedBeyondLoad(view.services, signs, beyond).length === 0 || loadRestores()) return workload([]);
  }

  // Level 1: which services.
  const all = view.services
    .map((service) => ({ service, ...ownAnomaly(signsOf(service), responsibility) }))
    .sort((a, b) => b.anomaly - a.anomaly);
  const suspects: readonly Suspect[] = all.filter(({ decisive }) => decisive >= settings.anomalyThreshold);
  const normalMs = reference.latency(view.target.id, percentile)?.center ?? objective.thresholdMs;
  const excessMs = Math.max(0, observedMs - Math.min(normalMs, objective.thresholdMs));
  const judged = { ...settings, excessMs };
  const ranked = rankSuspects(suspects.length > 0 ? suspects : all.slice(0, LISTED), ask, judged);
  // Those out of the question are shown beside the suspects: that restoring them would not help is an answer, too.
  const others = all
    .filter(({ service }) => !ranked.some((entry) => entry.service === service))
    .slice(0, LISTED);
  const listed = rankSuspects([...ranked, ...others], ask, judged);
  const services = listed.map(candidate);
  const [first] = ranked;
  if (load > reference.largestLoadPerSecond && first !== undefined) {
    if (isOverloaded(signsOf(first.service), { ...beyond, history })) return workload(services);
  }
  const blamed = suspects.length === 0 ? [] : findCulprits(ranked, ask, { ...settings, excessMs });
  const restored = ask(blamed.map((service) => ({ service }))).probability;
  if (blamed.length === 0 || restored < settings.minProbability) {
    if (load > reference.largestLoadPerSecond && loadRestores()) return workload(services);
    const victims = findVictims(view, window, { reference, culprits: [] });
    const known =
      suspects.length === 0
        ? 'No service is out of the ordinary by its own doing.'
        : blamed.length === 0
          ? `Several services are a little out of the ordinary (${ranked.map(({ service }) => service).join(', ')}), but no few of them explain the latency.`
          : `Of the services out of the ordinary (${ranked.map(({ service }) => service).join(', ')}), restoring the best set would hold it with probability ${restored.toFixed(2)} only.`;
    // Who is most suspect is no culprit, but what it suffers from is worth telling.
    const resources = ranked
      .slice(0, settings.maxCulprits)
      .flatMap(({ service }) =>
        rankResources(service, ask, { others: [], attribution: attribution(service) }).map((ranking) =>
          resourceCandidate(service, ranking),
        ),
      );
    return conclude('undetermined', `${violation} ${known}`, { services, resources, victims });
  }

  // Level 2: which resource of each, the other culprits restored.
  const byService = blamed.map((service) => {
    const others = blamed.filter((other) => other !== service);
    return { service, ranking: rankResources(service, ask, { others, attribution: attribution(service) }) };
  });
  const parts = shares(
    blamed.map((service) => ({ service })),
    ask,
    excessMs,
  );
  const culprits = byService.flatMap(({ service, ranking }, index): Culprit[] => {
    const best = ranking[0];
    if (best === undefined) return [];
    const { resource, probability } = best;
    const effectMs = Math.max(0, observedMs - ask([{ service, resource }]).medianMs);
    const bad = badReplica({ service, resource }, { window, normal: reference.windows, percentile });
    const measurements = resourceEvidence(signsOf(service), resource, responsibility);
    const evidence = [...measurements, ...(bad?.evidence ?? [])];
    const share = parts[index] ?? 0;
    return [{ service, resource, ...replicaOf(bad), probability, share, effectMs, evidence }];
  });
  const resources = byService.flatMap(({ service, ranking }) =>
    ranking.map((entry) =>
      resourceCandidate(service, { ...entry, ...ask([{ service, resource: entry.resource }]) }),
    ),
  );
  const victims = findVictims(view, window, { reference, culprits: blamed });
  const reason = `${violation} ${culpritsText(culprits, victims)}`;
  return conclude('culprits', reason, { culprits, services, resources, victims });
}

function replicaOf(bad: BadReplica | undefined): Pick<Culprit, 'replica'> {
  return bad === undefined ? {} : { replica: bad.replica };
}

type Findings = Partial<Pick<Diagnosis, 'culprits' | 'services' | 'resources' | 'victims'>>;

function conclusion({ objective, window }: DiagnoseInput, reading: ObjectiveReading) {
  return (verdict: Diagnosis['verdict'], reason: string, findings: Findings = {}): Diagnosis => ({
    objective: objective.name,
    verdict,
    windowStartMs: window.startMs,
    windowEndMs: window.endMs,
    observedMs: reading.observedMs,
    thresholdMs: objective.thresholdMs,
    culprits: [],
    services: [],
    resources: [],
    victims: [],
    ...findings,
    reason,
  });
}
