import { html, svg } from './dom.js';
import { measured, measurementName, milliseconds, percent } from './words.js';

const MOST_ROWS = 12;

/**
 * One row per candidate: latency as observed (pale) and had this one alone behaved (solid), against the threshold.
 * `isCulprit` marks the rows that are blamed.
 */
export function counterfactualBars(candidates, { observedMs, thresholdMs, labelOf, isCulprit, label }) {
  const shown = candidates.slice(0, MOST_ROWS);
  const widest = 1.08 * Math.max(observedMs ?? 0, thresholdMs, ...shown.map((c) => c.counterfactualMs));
  const part = (value) => `${((100 * value) / widest).toFixed(2)}%`;
  const rows = shown.map((candidate) => {
    const blamed = isCulprit(candidate);
    const holds = candidate.counterfactualMs <= thresholdMs;
    return html(
      'li',
      { class: `bar-row${blamed ? ' blamed' : ''}`, 'data-candidate': labelOf(candidate) },
      html('span', { class: 'bar-name' }, labelOf(candidate)),
      svg(
        'svg',
        {
          class: 'bar',
          role: 'img',
          'aria-label': `${milliseconds(candidate.counterfactualMs)} instead of ${milliseconds(observedMs)}; the objective would ${holds ? 'hold' : 'stay broken'}`,
        },
        svg('rect', { class: 'track', x: 0, y: 4, width: part(observedMs ?? 0), height: 16, rx: 3 }),
        svg('rect', {
          class: `would ${holds ? 'holds' : 'breaks'}`,
          x: 0,
          y: 4,
          width: part(candidate.counterfactualMs),
          height: 16,
          rx: 3,
        }),
        svg('line', { class: 'limit', x1: part(thresholdMs), x2: part(thresholdMs), y1: 0, y2: 24 }),
      ),
      html('span', { class: 'bar-value' }, milliseconds(candidate.counterfactualMs)),
      html('span', { class: 'bar-probability' }, percent(candidate.probability)),
    );
  });
  const more = candidates.length - shown.length;
  return [
    html(
      'p',
      { class: 'legend note' },
      html('span', {}, html('i', { class: 'swatch-would' }), 'had it behaved'),
      html('span', {}, html('i', { class: 'swatch-track' }), 'observed'),
      html('span', {}, html('i', { class: 'swatch-limit' }), `objective ${milliseconds(thresholdMs)}`),
    ),
    html(
      'div',
      { class: 'bar-head', 'aria-hidden': 'true' },
      html('span', {}, label),
      html('span', {}, ''),
      html('span', { class: 'bar-value' }, 'latency'),
      html('span', { class: 'bar-probability' }, 'would hold'),
    ),
    html('ol', { class: 'bars' }, rows),
    more > 0 ? html('p', { class: 'note' }, `and ${more} more, all less likely`) : html('span'),
  ];
}

/** What was measured that speaks for each culprit, beside what is normal at the present load. */
export function evidenceList(culprits) {
  return culprits
    .filter((culprit) => culprit.evidence.length > 0)
    .flatMap((culprit) => [
      html('h3', {}, `Measured at ${culprit.service}`),
      html(
        'div',
        { class: 'scroll' },
        html(
          'table',
          { class: 'evidence' },
          html(
            'thead',
            {},
            html(
              'tr',
              {},
              html('th', { scope: 'col' }, 'measurement'),
              html('th', { scope: 'col' }, 'observed'),
              html('th', { scope: 'col' }, 'normal'),
              html('th', { scope: 'col', title: 'robust standard deviations from normal' }, 'deviation'),
            ),
          ),
          html('tbody', {}, culprit.evidence.slice(0, 8).map(evidenceRow)),
        ),
      ),
    ]);
}

function evidenceRow(item) {
  return html(
    'tr',
    {},
    html('th', { scope: 'row' }, measurementName(item.name)),
    html('td', {}, measured(item.observed, item.unit, item.name)),
    html('td', {}, measured(item.expected, item.unit, item.name)),
    html('td', {}, `${item.z >= 0 ? '+' : '−'}${Math.abs(item.z).toFixed(1)} σ`),
  );
}
