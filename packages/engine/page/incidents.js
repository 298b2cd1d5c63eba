import { approval } from './approval.js';
import { html } from './dom.js';
import { clock, duration } from './format.js';
import { actionWords, milliseconds, percent } from './words.js';

const MOST_SHOWN = 20;

const STATUS_WORDS = {
  applied: 'done',
  unchanged: 'was so already',
  'dry-run': 'dry run, nothing changed',
  refused: 'refused',
  failed: 'failed',
  released: 'undone',
};

const PLAN_WORDS = {
  proposed: 'proposed',
  due: 'being done',
  rejected: 'rejected',
  stale: 'not done, overtaken',
};

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
  ];
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
    ...(incident.actions.length === 0
      ? []
      : [
          html('h3', {}, 'What was done'),
          html(
            'ul',
            { class: 'actions' },
            incident.actions.flatMap((entry, index) => actionItems(incident, entry, index + 1)),
          ),
        ]),
    ...recommendations(incident),
  ];
}

function actionItems(incident, { atMs, plan, state, outcomes }, number) {
  const items = outcomes.map((outcome) =>
    html(
      'li',
      {},
      html('time', { datetime: new Date(atMs).toISOString() }, clock(atMs)),
      html(
        'span',
        {},
        html(
          'strong',
          { class: `outcome ${outcome.status}` },
          STATUS_WORDS[outcome.status] ?? outcome.status,
        ),
        ` ${actionWords(outcome.action)}.`,
        outcome.message ? html('span', { class: 'note' }, ` ${outcome.message}`) : undefined,
      ),
    ),
  );
  const waiting =
    outcomes.length > 0
      ? []
      : plan.actions.map((planned) =>
          html(
            'li',
            {},
            html('time', {}, clock(atMs)),
            html(
              'span',
              {},
              html('strong', {}, PLAN_WORDS[state] ?? state),
              ` ${actionWords(planned.action)}.`,
              html('span', { class: 'note' }, ` ${planned.reason}`),
            ),
          ),
        );
  const decision =
    state === 'proposed' && incident.status === 'open'
      ? [html('li', {}, html('span'), approval(incident, number))]
      : [];
  return [...items, ...waiting, ...decision];
}

function recommendations(incident) {
  const texts = [...new Set(incident.actions.flatMap((entry) => entry.plan.recommendations ?? []))];
  return texts.length === 0
    ? []
    : [
        html('h3', {}, 'What a person should do'),
        html(
          'ul',
          { class: 'recommendations' },
          texts.map((text) => html('li', {}, text)),
        ),
      ];
}
