import { html, svg } from './dom.js';
import { shortened } from './format.js';
import { layoutGraph } from './layout.js';
import { milliseconds } from './words.js';

const NODE = { width: 232, height: 58 };
const GAP = { x: 60, y: 20 };
const EDGE_MARGIN = 16;

/**
 * The service graph, left to right by call depth. `hasCause`: whether a culprit is named, which makes slow ones
 * victims.
 */
export function serviceGraph(graph) {
  if (graph.services.length === 0) {
    return html(
      'p',
      { class: 'empty' },
      'No calls seen yet. The graph is drawn from spans as soon as the first ones arrive.',
    );
  }
  const hasCause = graph.services.some((service) => service.state === 'culprit');
  const layout = layoutGraph(graph);
  const width = 2 * EDGE_MARGIN + layout.columns * NODE.width + (layout.columns - 1) * GAP.x;
  const height = 2 * EDGE_MARGIN + layout.rows * NODE.height + (layout.rows - 1) * GAP.y;
  const at = (name) => {
    const { column, row } = layout.place.get(name);
    return {
      x: EDGE_MARGIN + column * (NODE.width + GAP.x),
      y: EDGE_MARGIN + row * (NODE.height + GAP.y),
    };
  };
  const state = new Map(graph.services.map((service) => [service.name, service.state]));
  return svg(
    'svg',
    {
      class: 'graph',
      viewBox: `0 0 ${width} ${height}`,
      width,
      height,
      role: 'img',
      'aria-label': inWords(graph, hasCause),
    },
    layout.edges.map(({ from, to }) =>
      svg('path', {
        class: `edge ${edgeState(state.get(from), state.get(to))}`,
        d: edgePath(at(from), at(to)),
      }),
    ),
    graph.services.map((service) => node(service, at(service.name), hasCause)),
  );
}

/** The way that the slowness took: from the cause up through the services it slowed. */
function edgeState(from, to) {
  return from !== 'ok' && (to === 'culprit' || to === 'slow') ? 'hurt' : '';
}

function edgePath(from, to) {
  const x1 = from.x + NODE.width;
  const y1 = from.y + NODE.height / 2;
  const y2 = to.y + NODE.height / 2;
  if (to.x <= from.x) {
    // A call back or within a column leaves and arrives on the right-hand side.
    const x2 = to.x + NODE.width;
    const bend = Math.max(x1, x2) + GAP.x / 2;
    return `M${x1},${y1} C${bend},${y1} ${bend},${y2} ${x2},${y2}`;
  }
  const middle = (to.x - x1) / 2;
  return `M${x1},${y1} C${x1 + middle},${y1} ${to.x - middle},${y2} ${to.x},${y2}`;
}

function node(service, { x, y }, hasCause) {
  const role = roleOf(service, hasCause);
  const normal =
    service.normalMs === null || service.normalMs === undefined
      ? ''
      : ` · normal ${milliseconds(service.normalMs)}`;
  return svg(
    'g',
    { class: `service ${service.state}`, transform: `translate(${x},${y})`, 'data-service': service.name },
    svg(
      'title',
      {},
      `${service.name}: p99 ${milliseconds(service.p99Ms)}${normal}, ${Math.round(service.requestsPerSecond)} requests/s${role === '' ? '' : `, ${role}`}`,
    ),
    svg('rect', { class: 'box', width: NODE.width, height: NODE.height, rx: 8 }),
    svg('text', { class: 'name', x: 12, y: 23 }, shortened(service.name, 22)),
    svg(
      'text',
      { class: 'reading', x: 12, y: 44 },
      svg('tspan', { class: 'p99' }, milliseconds(service.p99Ms)),
      svg(
        'tspan',
        { class: 'rest', dx: 6 },
        service.state === 'ok' ? '' : `normal ${milliseconds(service.normalMs)}`,
      ),
    ),
    role === ''
      ? undefined
      : badge(
          service.state === 'culprit' ? `CAUSE${service.resource ? ` · ${service.resource}` : ''}` : role,
        ),
  );
}

function roleOf(service, hasCause) {
  if (service.state === 'culprit') return `the cause${service.resource ? ` (${service.resource})` : ''}`;
  if (service.state === 'slow') return hasCause ? 'slow, not the cause' : 'slower than normal';
  return '';
}

function badge(text) {
  const width = 14 + 6.6 * text.length;
  return svg(
    'g',
    { class: 'badge', transform: `translate(${NODE.width - width - 8},-10)` },
    svg('rect', { width, height: 19, rx: 9.5 }),
    svg('text', { x: width / 2, y: 13.5, 'text-anchor': 'middle' }, text),
  );
}

function inWords(graph, hasCause) {
  const notable = graph.services
    .filter((service) => service.state !== 'ok')
    .map((service) => `${service.name} is ${roleOf(service, hasCause)}`);
  const summary = notable.length === 0 ? 'all at normal latency' : notable.join('; ');
  return `Call graph of ${graph.services.length} services: ${summary}`;
}
