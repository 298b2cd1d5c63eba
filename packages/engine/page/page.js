import { counterfactualBars, evidenceList } from './bars.js';
import { latencyChart } from './chart.js';
import { byId, draw, html } from './dom.js';
import { clock, percentileName } from './format.js';
import { serviceGraph } from './graph.js';
import { objectiveCards, statusLine } from './header.js';
import { answer, incidentList } from './incidents.js';
import { waitingPlans } from './plans.js';
import { milliseconds } from './words.js';

const POLL_MS = 1000;
const TIMEOUT_MS = 5000;

let state;
let lastAnswerMs;
let failingSinceMs;
let revealed;
let chosenId = decodeURIComponent(location.hash.slice(1)) || undefined;

function chosenIncident() {
  return (
    state.incidents.find((incident) => incident.id === chosenId) ??
    state.incidents.find((incident) => incident.status === 'open') ??
    state.incidents[0]
  );
}

function show() {
  const incident = chosenIncident();
  const diagnosis = incident?.diagnosis ?? undefined;
  const nowMs =
    Math.max(0, ...Object.values(state.series).flatMap((points) => points.slice(-1).map((p) => p.t))) ||
    lastAnswerMs;
  draw(byId('status'), [state.status, state.windows, state.training, state.model], () => statusLine(state));
  draw(byId('objectives'), [state.objectives, state.series], () =>
    objectiveCards(state.objectives, state.series),
  );

  const prominent = incident !== undefined && (incident.status === 'open' || incident.id === chosenId);
  byId('answer').hidden = !prominent;
  byId('answer').className = `answer ${incident?.status ?? ''}`;
  if (prominent)
    draw(
      byId('answer'),
      [incident.id, incident.status, incident.openedMs, diagnosis, waitingPlans(incident)],
      () => answer(incident),
    );

  draw(byId('graph'), state.graph, () => serviceGraph(state.graph));
  revealCulprit();
  draw(byId('graph-note'), state.graph.services.length, () =>
    state.graph.services.length === 0 ? '' : 'Callers at the left, p99 on each service.',
  );
  showChart();
  showDiagnosis(diagnosis);
  draw(byId('incidents'), [state.incidents, incident?.id, incident?.status === 'open' ? nowMs : 0], () =>
    incidentList(state.incidents, incident, nowMs, (id) => {
      chosenId = id;
      history.replaceState(null, '', `#${encodeURIComponent(id)}`);
      show();
    }),
  );
  const broken = state.objectives.filter((objective) => objective.broken).map((objective) => objective.name);
  document.title = broken.length === 0 ? 'Sage' : `${broken.join(', ')} broken · Sage`;
}

/** On a narrow screen the graph scrolls: what is named as the cause is brought into view, once per cause. */
function revealCulprit() {
  const culprit = state.graph.services.find((service) => service.state === 'culprit')?.name;
  if (culprit === revealed) return;
  revealed = culprit;
  const box = byId('graph');
  const node = box.querySelector('.service.culprit')?.getBoundingClientRect();
  if (node !== undefined)
    box.scrollLeft += node.left + node.width / 2 - box.getBoundingClientRect().left - box.clientWidth / 2;
}

function showChart() {
  const width = Math.max(300, byId('chart').clientWidth);
  const spans = state.incidents.map(({ objective, openedMs, closedMs }) => ({
    objective,
    openedMs,
    closedMs,
  }));
  draw(byId('chart'), [state.series, spans, width], () => latencyChart(state.series, spans, width));
}

function showDiagnosis(diagnosis) {
  const percentile = percentileName(
    state.objectives.find((o) => o.name === diagnosis?.objective)?.percentile ?? 'p99',
  );
  draw(byId('bars-note'), [diagnosis?.objective, diagnosis?.observedMs, percentile], () =>
    diagnosis
      ? `End-to-end ${percentile} of ${diagnosis.objective}, observed at ${milliseconds(diagnosis.observedMs)}, had only that service been normal.`
      : '',
  );
  draw(byId('bars'), diagnosis ?? null, () =>
    diagnosis && diagnosis.services.length > 0
      ? counterfactualBars(diagnosis.services, {
          observedMs: diagnosis.observedMs,
          thresholdMs: diagnosis.thresholdMs,
          label: 'service',
          labelOf: (candidate) => candidate.service,
          isCulprit: (candidate) =>
            diagnosis.culprits.some((culprit) => culprit.service === candidate.service),
        })
      : html(
          'p',
          { class: 'empty' },
          diagnosis ? 'No service was considered.' : 'Shown once an incident is diagnosed.',
        ),
  );
  draw(byId('resources-note'), [diagnosis?.resources.length ?? 0], () =>
    (diagnosis?.resources.length ?? 0) > 0
      ? 'The same question for each resource of the services blamed.'
      : '',
  );
  draw(byId('resources'), diagnosis ?? null, () =>
    diagnosis && diagnosis.resources.length > 0
      ? counterfactualBars(diagnosis.resources, {
          observedMs: diagnosis.observedMs,
          thresholdMs: diagnosis.thresholdMs,
          label: 'resource',
          labelOf: (candidate) => `${candidate.service} · ${candidate.resource ?? 'all'}`,
          isCulprit: (candidate) =>
            diagnosis.culprits.some(
              (c) => c.service === candidate.service && c.resource === candidate.resource,
            ),
        })
      : html(
          'p',
          { class: 'empty' },
          diagnosis ? 'No service is blamed, so no resource is.' : 'Shown once an incident is diagnosed.',
        ),
  );
  draw(byId('evidence'), diagnosis?.culprits ?? [], () => evidenceList(diagnosis?.culprits ?? []));
}

function showProblem(error) {
  const problem = byId('problem');
  if (error === undefined) {
    failingSinceMs = undefined;
    problem.hidden = true;
    return;
  }
  failingSinceMs ??= Date.now();
  const stale = lastAnswerMs === undefined ? '' : ` What is shown below is from ${clock(lastAnswerMs)}.`;
  problem.hidden = false;
  document.body.classList.toggle('stale', true);
  const text = `The engine does not answer since ${clock(failingSinceMs)} (${error.message}); trying again each second.${stale}`;
  if (problem.textContent !== text) problem.textContent = text;
}

async function poll() {
  try {
    const response = await fetch('api/v1/state', {
      cache: 'no-store',
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    if (!response.ok) throw new Error(`it answered ${response.status}`);
    state = await response.json();
    lastAnswerMs = Date.now();
    document.body.classList.toggle('stale', false);
    document.body.classList.toggle('loaded', true);
    showProblem(undefined);
    show();
  } catch (error) {
    showProblem(error);
  }
  setTimeout(poll, POLL_MS);
}

new ResizeObserver(() => state && showChart()).observe(byId('chart'));
poll();
