import type { JsonPlace } from './json-place.js';
import type { TopologyNode } from './topology.js';

/** What a tree may refer to, and where in the calls it stands. */
export interface TreeContext {
  readonly services: ReadonlySet<string>;
  /** Shared sub-trees of the endpoint, by name. */
  readonly fragments: ReadonlyMap<string, JsonPlace>;
  /** Arrivals that the endpoint's last-arrival joins wait for. */
  readonly arrivals: number;
  /** Services that are being called, outermost first, and fragments being read. */
  readonly callers: readonly string[];
  readonly reading: readonly string[];
}

const KINDS = ['seq', 'par', 'call', 'store', 'branch', 'repeat', 'async', 'local', 'goto', 'last_arrival'];

/** A share that the file leaves open is even chances; a count it leaves open, one. */
const OPEN_SHARE = 0.5;
const OPEN_COUNT = 1;

export function readTree(place: JsonPlace, context: TreeContext): TopologyNode {
  const kind = place.keys().find((key) => KINDS.includes(key));
  if (kind === undefined) return place.fail(`should have one of the keys ${KINDS.join(', ')}`);
  const inner = place.at(kind);
  switch (kind) {
    case 'seq':
    case 'par':
      return { kind, nodes: inner.items().map((item) => readTree(item, context)) };
    case 'call':
      return readCall(inner, context);
    case 'store':
      return {
        kind: 'call',
        to: readTarget(inner, context),
        operation: inner.at('op').text(),
        clientSpan: inner.at('span').textOrNull(),
        serverSpan: null,
        body: { kind: 'seq', nodes: [] },
      };
    case 'branch':
      return {
        kind: 'branch',
        probability: inner.numberAt('p', OPEN_SHARE, 0, 1),
        chosen: readTree(inner.at('then'), context),
        otherwise: readTree(inner.at('else'), context),
      };
    case 'repeat': {
      const words = typeof inner.at('n').value === 'string';
      const count = words ? OPEN_COUNT : inner.at('n').number(0, 100);
      const mode = inner.at('mode').oneOf(['seq', 'par']);
      return { kind: 'repeat', count, mode, body: readTree(inner.at('body'), context) };
    }
    case 'async':
      return { kind: 'async', body: readTree(inner, context) };
    case 'goto':
      return readFragment(inner, inner.text(), context);
    case 'last_arrival': {
      // The original files describe the join in words; there the endpoint has one fragment, which it runs.
      const [only] = context.fragments.keys();
      const named = context.fragments.has(inner.text()) ? inner.text() : only;
      if (named === undefined) return inner.fail('should name a fragment of the endpoint, which has none');
      return { kind: 'last-arrival', of: context.arrivals, body: readFragment(inner, named, context) };
    }
    default:
      return { kind: 'local' };
  }
}

function readCall(place: JsonPlace, context: TreeContext): TopologyNode {
  const to = readTarget(place, context);
  const callers = [...context.callers, to];
  return {
    kind: 'call',
    to,
    operation: place.at('op').text(),
    clientSpan: place.at('client_span').textOrNull(),
    serverSpan: place.at('server_span').textOrNull(),
    body: readTree(place.at('body'), { ...context, callers }),
  };
}

function readTarget(place: JsonPlace, { services, callers }: TreeContext): string {
  const to = place.at('to').text();
  if (!services.has(to)) place.at('to').fail(`unknown service "${to}"`);
  if (callers.includes(to)) {
    place.at('to').fail(`a cycle of calls: ${[...callers.slice(callers.indexOf(to)), to].join(' → ')}`);
  }
  return to;
}

function readFragment(place: JsonPlace, name: string, context: TreeContext): TopologyNode {
  const fragment = context.fragments.get(name);
  if (fragment === undefined) return place.fail(`unknown fragment "${name}"`);
  if (context.reading.includes(name)) return place.fail(`a cycle of fragments: "${name}" contains itself`);
  return readTree(fragment, { ...context, reading: [...context.reading, name] });
}
