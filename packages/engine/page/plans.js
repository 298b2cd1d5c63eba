import { approval, approvalId } from './approval.js';
import { html } from './dom.js';
import { clock } from './format.js';
import { actionWords } from './words.js';

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

/** The plans of an incident that somebody has to decide, each with the id of the element that asks for it. */
export function waitingPlans(incident) {
  return numbered(incident)
    .filter(({ entry }) => isWaiting(incident, entry))
    .map(({ number }) => ({ number, elementId: approvalId(incident, number) }));
}

/** What waits for approval, what was done, and what a person should do: a heading and a list for each that there is. */
export function planSections(incident) {
  const waiting = numbered(incident).filter(({ entry }) => isWaiting(incident, entry));
  const others = numbered(incident).filter(({ entry }) => !isWaiting(incident, entry));
  return [
    ...section(
      'What waits for approval',
      'actions',
      waiting.flatMap(({ entry, number }) => [
        ...plannedItems(entry),
        html('li', {}, html('span'), approval(incident, number)),
      ]),
    ),
    ...section(
      'What was done',
      'actions',
      others.flatMap(({ entry }) => (entry.outcomes.length > 0 ? outcomeItems(entry) : plannedItems(entry))),
    ),
    ...section(
      'What a person should do',
      'recommendations',
      [...new Set(adviceOf(incident))].map((text) => html('li', {}, text)),
    ),
  ];
}

/**
 * What still holds of the words for people: those of each blamed service's latest plan. Where nobody is blamed, the
 * latest plan of all speaks for the whole. What was advised before stands in the timeline.
 */
function adviceOf({ actions, diagnosis }) {
  const blamed = diagnosis?.culprits.map(({ service }) => service) ?? [];
  const latest = {
    culprits: () => blamed.map((service) => actions.findLast(({ plan }) => plan.service === service)),
    workload: () => actions.slice(-1),
    undetermined: () => actions.slice(-1),
    'no-violation': () => [],
  };
  return (latest[diagnosis?.verdict]?.() ?? []).flatMap((entry) => entry?.plan.recommendations ?? []);
}

/** Each plan with its number in requests, its place in the list from 1. */
function numbered(incident) {
  return incident.actions.map((entry, index) => ({ entry, number: index + 1 }));
}

function isWaiting(incident, { state }) {
  return state === 'proposed' && incident.status === 'open';
}

function section(heading, listClass, items) {
  return items.length === 0 ? [] : [html('h3', {}, heading), html('ul', { class: listClass }, items)];
}

function outcomeItems({ atMs, outcomes }) {
  return outcomes.map(({ status, action, message }) =>
    item(atMs, html('strong', { class: `outcome ${status}` }, STATUS_WORDS[status] ?? status), {
      action,
      note: message,
    }),
  );
}

function plannedItems({ atMs, plan, state }) {
  return plan.actions.map(({ action, reason }) =>
    item(atMs, html('strong', {}, PLAN_WORDS[state] ?? state), { action, note: reason }),
  );
}

function item(atMs, state, { action, note }) {
  return html(
    'li',
    {},
    html('time', { datetime: new Date(atMs).toISOString() }, clock(atMs)),
    html(
      'span',
      {},
      state,
      ` ${actionWords(action)}.`,
      note ? html('span', { class: 'note' }, ` ${note}`) : undefined,
    ),
  );
}
