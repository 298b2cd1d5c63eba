import { html } from './dom.js';
import { clock, decimal, percentileName } from './format.js';
import { milliseconds } from './words.js';

/** What the engine is doing, with how far it is. */
export function statusLine(state) {
  const { status, windows, training, model } = state;
  if (status === 'collecting') {
    return [
      pill('Collecting', 'busy'),
      progress(windows.collected, windows.needed, 'windows collected'),
      html(
        'span',
        { class: 'note' },
        `${windows.collected} of ${windows.needed} windows before the first model`,
      ),
    ];
  }
  if (status === 'training') {
    return [
      pill('Training', 'busy'),
      training ? progress(training.epoch, training.epochs, 'training') : html('span'),
      html(
        'span',
        { class: 'note' },
        training
          ? `epoch ${training.epoch} of ${training.epochs}, loss ${decimal(training.loss, 3)}, R² ${decimal(training.r2)}`
          : 'starting',
      ),
    ];
  }
  const fits = Object.values(model?.r2 ?? {})
    .filter(Number.isFinite)
    .sort((a, b) => a - b);
  const middle = fits.length === 0 ? undefined : fits[Math.floor(fits.length / 2)];
  return [
    pill('Watching', 'good'),
    html(
      'span',
      { class: 'note' },
      model
        ? `model of ${clock(model.trainedMs)}, median R² ${decimal(middle)}, ${windows.collected} windows`
        : `${windows.collected} windows`,
    ),
  ];
}

function pill(text, kind) {
  return html('span', { class: `pill ${kind}` }, text);
}

function progress(value, max, label) {
  return html('progress', { value, max: Math.max(1, max), 'aria-label': label });
}

export function objectiveCards(objectives, series) {
  if (objectives.length === 0) return html('p', { class: 'empty' }, 'The configuration names no objective.');
  return objectives.map((objective) => {
    const points = series[objective.name] ?? [];
    const rate = points[points.length - 1]?.requestsPerSecond;
    const known = objective.observedMs !== null && objective.observedMs !== undefined;
    const kind = objective.broken ? 'broken' : known ? 'holds' : 'unknown';
    return html(
      'article',
      { class: `card ${kind}`, 'data-objective': objective.name },
      html(
        'h3',
        {},
        objective.name,
        html(
          'span',
          { class: `verdict ${kind}` },
          objective.broken ? 'broken' : known ? 'holds' : 'no data yet',
        ),
      ),
      html(
        'p',
        { class: 'big' },
        milliseconds(objective.observedMs),
        html('span', { class: 'of' }, ` of ${milliseconds(objective.thresholdMs)}`),
      ),
      html(
        'p',
        { class: 'note' },
        `${percentileName(objective.percentile)} of ${objective.operation} at ${objective.service}${rate === undefined ? '' : `, ${decimal(rate, 1)} requests/s`}`,
      ),
      objective.unseen ? html('p', { class: 'note' }, objective.unseen) : undefined,
    );
  });
}
