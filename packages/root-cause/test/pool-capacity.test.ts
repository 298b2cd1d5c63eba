import type { LatencyNode } from '@sage/causal-graph';
import type { LatencyNodeId, LatencyStats, Window } from '@sage/core';
import { expect } from 'chai';
import { noSigns, type ServiceSigns } from '../src/anomaly.js';
import type { GraphView } from '../src/graph-view.js';
import { seeLackingPools } from '../src/pool-capacity.js';

const node = (kind: LatencyNode['kind'], callee: string): LatencyNode => ({
  id: `${kind}|front>${callee}:/`,
  kind,
  rpc: { caller: 'front', callee, operation: '/' },
  owners: kind === 'server' ? [callee] : ['front', callee],
  parents: [],
});
/** `front` calls `back`, which is seen to serve, and `cache`, of which nobody sees more than the call. */
const LATENCY = [node('client', 'back'), node('server', 'back'), node('client', 'cache')];
const FRONT: LatencyNode = {
  id: 'server|(outside)>front:/',
  kind: 'server',
  rpc: { caller: '(outside)', callee: 'front', operation: '/' },
  owners: ['front'],
  parents: [],
};

interface Calls {
  readonly perSecond?: number;
  readonly meanMs: number;
  readonly p99Ms?: number;
}

/** 30 s in which `front` waited so long for a connection, and its calls took as long as said. */
function seen(
  waitMs: number | undefined,
  { fromMs = 0, ...calls }: { readonly back?: Calls; readonly cache?: Calls; readonly fromMs?: number },
): Window {
  const stats = ({ perSecond = 10, meanMs, p99Ms = 3 * meanMs }: Calls): LatencyStats => ({
    ...{ p50Ms: meanMs, p95Ms: p99Ms, p99Ms, meanMs },
    count: 30 * perSecond,
  });
  const latency = new Map<LatencyNodeId, LatencyStats>();
  if (calls.back !== undefined) {
    latency.set('server|front>back:/', stats(calls.back));
    // What the caller sees holds its wait, and is not asked where the callee's own time is seen.
    latency.set('client|front>back:/', stats({ ...calls.back, meanMs: calls.back.meanMs + 5000 }));
  }
  if (calls.cache !== undefined) latency.set('client|front>cache:/', stats(calls.cache));
  const readings = waitMs === undefined ? [] : ([['software_pool_wait_ms', waitMs]] as const);
  return {
    startMs: fromMs,
    endMs: fromMs + 30_000,
    latency,
    metrics: new Map([['front', new Map(readings)]]),
  };
}

function isLacking(now: Window, history: readonly Window[], untraced = false): boolean {
  const observed = now.metrics.get('front')?.get('software_pool_wait_ms') ?? 0;
  const wait = { feature: 'software_pool_wait_ms', observed, expected: 0, z: observed / 2, ownZ: 0 } as const;
  const signs = new Map<string, ServiceSigns>([['front', { ...noSigns('front'), features: [wait] }]]);
  const view = {
    owned: new Map([['front', [FRONT]]]),
    hiddenWays: new Map(untraced ? [['store', [{ node: FRONT, callsPerChild: 1, part: 0.5 }]]] : []),
  } as unknown as GraphView;
  const window = { ...now, startMs: 60_000, endMs: 90_000 };
  const found = seeLackingPools({ view, signs }, { graph: { latency: LATENCY }, window, history });
  return found.get('front')?.lacksConnections === true;
}

describe('pools that have fewer connections than they had', () => {
  const slow = seen(50, { back: { meanMs: 40 } });
  const CASES: readonly [
    name: string,
    now: Window,
    history: readonly Window[],
    lacks: boolean,
    untraced?: boolean,
  ][] = [
    ['calls kept as many before, and nobody waited', slow, [seen(0, { back: { meanMs: 40 } })], true],
    ['calls never kept as many before', slow, [seen(0, { back: { meanMs: 39 } })], false],
    [
      'they kept as many in the mean, and never as many at once',
      seen(50, { back: { meanMs: 40, p99Ms: 1000 } }),
      [seen(0, { back: { meanMs: 60 } })],
      false,
    ],
    [
      'more calls that are quicker kept as many',
      slow,
      [seen(0, { back: { perSecond: 50, meanMs: 8 } })],
      true,
    ],
    [
      'the calls of all callees keep connections together',
      slow,
      [seen(0, { back: { meanMs: 30 }, cache: { meanMs: 10 } })],
      true,
    ],
    [
      'what they kept while it already waited says nothing',
      slow,
      [seen(0, { back: { meanMs: 40 }, fromMs: 50_000 })],
      false,
    ],
    ['it waited then, too', slow, [seen(20, { back: { meanMs: 40 } })], false],
    ['it waited a little then', slow, [seen(4, { back: { meanMs: 40 } })], true],
    ['nobody measured whether it waited', slow, [seen(undefined, { back: { meanMs: 40 } })], false],
    ['it hardly waits', seen(0.1, { back: { meanMs: 40 } }), [seen(0, { back: { meanMs: 40 } })], false],
    ['nothing is seen of its calls', seen(50, {}), [seen(0, {})], false],
    [
      'somebody whom nobody traces may keep its connections',
      slow,
      [seen(0, { back: { meanMs: 40 } })],
      false,
      true,
    ],
    [
      'of a call that is seen from one end the wait is no time that the callee keeps a connection',
      seen(50, { cache: { meanMs: 55, p99Ms: 60 } }),
      [seen(0, { cache: { meanMs: 6, p99Ms: 80 } })],
      true,
    ],
  ];
  for (const [name, now, history, lacks, untraced] of CASES) {
    it(`${lacks ? 'lacks' : 'does not tell'}: ${name}`, () => {
      expect(isLacking(now, history, untraced)).to.equal(lacks);
    });
  }
});
