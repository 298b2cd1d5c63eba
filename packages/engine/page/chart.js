import { html, svg } from './dom.js';
import { clock, decimal } from './format.js';
import { milliseconds } from './words.js';

const HEIGHT = 240;
const MARGIN = { left: 64, right: 16, top: 14, bottom: 26 };

/**
 * Latency per objective over time with its threshold, incidents shaded. `series` is
 * {objective: [{t, observedMs|null, thresholdMs, requestsPerSecond}]}; `width` in pixels.
 */
export function latencyChart(series, incidents, width) {
  const lines = Object.entries(series).filter(([, points]) => points.length > 0);
  if (lines.length === 0) {
    return html(
      'p',
      { class: 'empty' },
      'No window is complete yet. The first one appears within a minute of traffic.',
    );
  }
  const times = [...new Set(lines.flatMap(([, points]) => points.map((point) => point.t)))].sort(
    (a, b) => a - b,
  );
  const from = times[0];
  const to = Math.max(times[times.length - 1], from + 60_000);
  const top = niceCeiling(
    1.15 *
      Math.max(
        1,
        ...lines.flatMap(([, points]) => points.flatMap((p) => [p.observedMs ?? 0, p.thresholdMs])),
      ),
  );
  const x = (t) => MARGIN.left + ((t - from) / (to - from)) * (width - MARGIN.left - MARGIN.right);
  const y = (value) => HEIGHT - MARGIN.bottom - (value / top) * (HEIGHT - MARGIN.top - MARGIN.bottom);

  const cursor = svg('line', {
    class: 'cursor',
    y1: MARGIN.top,
    y2: HEIGHT - MARGIN.bottom,
    visibility: 'hidden',
  });
  const drawing = svg(
    'svg',
    {
      id: 'chart-drawing',
      width,
      height: HEIGHT,
      viewBox: `0 0 ${width} ${HEIGHT}`,
      role: 'img',
      tabindex: 0,
      'aria-label': inWords(lines),
      'aria-describedby': 'chart-reading',
    },
    incidents.map((incident) => shading(incident, from, to, x)),
    yTicks(top).map((value) => horizontal(value, y(value), width)),
    xTicks(from, to, width).map((t) =>
      svg('text', { class: 'tick', x: x(t), y: HEIGHT - 8, 'text-anchor': 'middle' }, clock(t).slice(0, 5)),
    ),
    lines.flatMap(([, points], i) => [
      svg('path', { class: `threshold line${i % 6}`, d: path(points, (p) => p.thresholdMs, x, y) }),
      svg('path', { class: `observed line${i % 6}`, d: path(points, (p) => p.observedMs, x, y) }),
    ]),
    cursor,
  );
  const reading = html('div', { id: 'chart-reading', class: 'reading-out' });
  let index = times.length - 1;
  const show = (next, moved) => {
    index = Math.min(times.length - 1, Math.max(0, next));
    const t = times[index];
    cursor.setAttribute('x1', x(t));
    cursor.setAttribute('x2', x(t));
    cursor.setAttribute('visibility', moved ? 'visible' : 'hidden');
    reading.replaceChildren(...readings(lines, t, moved));
  };
  drawing.addEventListener('pointermove', (event) => {
    const at = event.clientX - drawing.getBoundingClientRect().left;
    show(nearest(times, at, x), true);
  });
  drawing.addEventListener('pointerleave', () => show(times.length - 1, false));
  drawing.addEventListener('keydown', (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (step === undefined) return;
    event.preventDefault();
    show(index + step, true);
  });
  show(times.length - 1, false);
  return [reading, drawing];
}

function readings(lines, t, moved) {
  const items = lines.map(([name, points], i) => {
    const point = points.find((candidate) => candidate.t === t);
    const broken = point !== undefined && point.observedMs !== null && point.observedMs > point.thresholdMs;
    const value =
      point === undefined || point.observedMs === null
        ? 'no requests'
        : `${milliseconds(point.observedMs)} of ${milliseconds(point.thresholdMs)}, ${decimal(point.requestsPerSecond, 1)} requests/s`;
    return html(
      'span',
      { class: `key line${i % 6}` },
      html('span', { class: 'swatch', 'aria-hidden': 'true' }),
      html('strong', {}, name),
      html('span', { class: broken ? 'bad' : '' }, ` ${value}${broken ? ' (broken)' : ''}`),
    );
  });
  return [html('span', { class: 'when' }, moved ? `at ${clock(t)}` : `latest, ${clock(t)}`), ...items];
}

function nearest(times, at, x) {
  let best = 0;
  for (let i = 1; i < times.length; i++) {
    if (Math.abs(x(times[i]) - at) < Math.abs(x(times[best]) - at)) best = i;
  }
  return best;
}

function shading(incident, from, to, x) {
  const start = Math.max(from, incident.openedMs);
  const end = Math.min(to, incident.closedMs ?? to);
  if (end < start) return undefined;
  return svg(
    'rect',
    {
      class: 'incident-shade',
      x: x(start),
      y: MARGIN.top,
      width: Math.max(2, x(end) - x(start)),
      height: HEIGHT - MARGIN.top - MARGIN.bottom,
    },
    svg('title', {}, `incident of ${incident.objective}`),
  );
}

function horizontal(value, at, width) {
  return svg(
    'g',
    {},
    svg('line', { class: 'grid', x1: MARGIN.left, x2: width - MARGIN.right, y1: at, y2: at }),
    svg(
      'text',
      { class: 'tick', x: MARGIN.left - 8, y: at + 4, 'text-anchor': 'end' },
      value === 0 ? '0' : milliseconds(value),
    ),
  );
}

/** A polyline that is interrupted where there is no value. */
function path(points, pick, x, y) {
  let pen = 'M';
  let d = '';
  for (const point of points) {
    const value = pick(point);
    if (value === null || value === undefined) {
      pen = 'M';
      continue;
    }
    d += `${pen}${x(point.t).toFixed(1)},${y(value).toFixed(1)}`;
    pen = 'L';
  }
  return d;
}

function niceCeiling(value) {
  const power = 10 ** Math.floor(Math.log10(value));
  return power * [1, 1.2, 1.6, 2, 3, 4, 6, 8, 10].find((step) => step * power >= value);
}

const yTicks = (top) => [0, 0.25, 0.5, 0.75, 1].map((part) => part * top);

function xTicks(from, to, width) {
  const steps = [1, 2, 5, 10].map((minutes) => minutes * 60_000);
  const room = Math.max(2, Math.floor(width / 90));
  const step = steps.find((candidate) => (to - from) / candidate <= room) ?? steps[steps.length - 1];
  const ticks = [];
  for (let t = Math.ceil(from / step) * step; t <= to; t += step) ticks.push(t);
  return ticks;
}

function inWords(lines) {
  const each = lines.map(([name, points]) => {
    const last = points[points.length - 1];
    return `${name}: latest ${milliseconds(last.observedMs)}, objective ${milliseconds(last.thresholdMs)}`;
  });
  return `Latency over time. ${each.join('; ')}. Arrow keys move the read-out.`;
}
