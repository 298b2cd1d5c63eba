import { byId, html } from './dom.js';
import { clock, duration } from './format.js';
import { planSections, waitingPlans } from './plans.js';
import { milliseconds, percent } from './words.js';

const MOST_SHOWN = 20;

/** The newest or open incident's answer, in one look. */
export function answer(incident) {
  const { diagnosis } = incident;
  const open = incident.status === 'open';
  const heading = open ? `${incident.objective} is broken` : `${incident.objective} was broken`;
  return [
    html(
      'p',
      { class: 'answer-state' },
      open ? 'Open incident' : 'Closed incident',
      `, since ${clock(incident.openedMs)}`,
    ),
    html('h2', {}, heading),
    html('p', { class: 'answer-text' }, ...(diagnosis ? conclusion(diagnosis) : ['Diagnosis under way.'])),
    html('p', { class: 'note' }, diagnosis?.reason ?? ''),
    waitingNotice(incident),
  ];
}

/** Leads to the first plan that waits, which is drawn far below. */
function waitingNotice(incident) {
  const [first, ...more] = waitingPlans(incident);
  if (first === undefined) return '';
  const text = more.length === 0 ? 'A plan waits' : `${more.length + 1} plans wait`;
  return html(
    'button',
    {
      type: 'button',
      class: 'waiting',
      id: 'waiting',
      onclick: () => byId(first.elementId)?.scrollIntoView({ block: 'center' }),
    },
    `${text} for approval ↓`,
  );
}

function conclusion(diagnosis) {
  if (diagnosis.verdict === 'culprits') {
    return [
      diagnosis.culprits.length === 1 ? 'The cause is ' : 'The causes are ',
      ...diagnosis.culprits.flatMap((culprit, i) => [
        i === 0 ? '' : i === diagnosis.culprits.length - 1 ? ' and ' : ', ',
        html('strong', {}, culpritName(culprit)),
        ` (${percent(culprit.probability)}, ${milliseconds(culprit.effectMs)} of ${milliseconds(diagnosis.observedMs)})`,
      ]),
      '.',
    ];
  }
  return [verdictWords(diagnosis.verdict)];
}

/** “geo · cpu”, and “geo · cpu · replica geo-1” where one replica alone is bad. */
function culpritName({ service, resource, replica }) {
  return [service, resource, ...(replica ? [`replica ${replica}`] : [])].join(' · ');
}

function verdictWords(verdict) {
  return {
    culprits: 'Cause found',
    workload: 'More load than the application can carry; no service misbehaves.',
    undetermined: 'The cause cannot be determined from what was measured.',
    'no-violation': 'The objective holds; there is nothing to blame.',
  }[verdict];
}

/** The list at the left, the chosen incident's story at the right. `onSelect` gets the chosen incident's id. */
export function incidentList(incidents, selected, nowMs, onSelect) {
  if (incidents.length === 0) {
    return html(
      'p',
      { class: 'empty' },
      'None so far. An incident opens when an objective stays broken or Alertmanager reports it.',
    );
  }
  const buttons = incidents.slice(0, MOST_SHOWN).map((incident) =>
    html(
      'li',
      {},
      html(
        'button',
        {
          type: 'button',
          id: `incident-${incident.id}`,
          'aria-pressed': incident.id === selected?.id ? 'true' : 'false',
          onclick: () => onSelect(incident.id),
        },
        html('span', { class: `dot ${incident.status}`, 'aria-hidden': 'true' }),
        html(
          'span',
          { class: 'incident-name' },
          `${incident.objective}: ${shortVerdict(incident.diagnosis)}`,
        ),
        html(
          'span',
          { class: 'note' },
          `${clock(incident.openedMs)}, ${incident.status === 'open' ? 'open for' : 'closed after'} ${duration((incident.closedMs ?? nowMs) - incident.openedMs)}`,
        ),
      ),
    ),
  );
  return [
    html('ol', { class: 'incident-list' }, buttons),
    html('div', { class: 'story' }, selected ? story(selected) : []),
  ];
}

function shortVerdict(diagnosis) {
  if (!diagnosis) return 'diagnosis under way';
  if (diagnosis.verdict === 'culprits') return diagnosis.culprits.map(culpritName).join(', ');
  return diagnosis.verdict;
}

function story(incident) {
  const sources = incident.sources.map((source) =>
    source === 'collector' ? 'the collector saw it' : 'Alertmanager reported it',
  );
  return [
    html('p', { class: 'note' }, `Incident ${incident.id}; ${sources.join(' and ')}.`),
    html('h3', {}, 'What happened'),
    html(
      'ol',
      { class: 'timeline' },
      incident.timeline.map((entry) =>
        html(
          'li',
          {},
          html('time', { datetime: new Date(entry.atMs).toISOString() }, clock(entry.atMs)),
          html('span', {}, entry.text),
        ),
      ),
    ),
    ...planSections(incident),
  ];
}
