import { latencyNodeId, type Objective, rpcId, type Window } from '@sage/core';
import { expect } from 'chai';
import { unseenObjective } from '../src/unseen-objective.js';

const OUTSIDE = '(outside)';

function windows(count: number, ...calls: readonly (readonly [string, string, string])[]): Window[] {
  const stats = { p50Ms: 1, p95Ms: 1, p99Ms: 1, count: 1 };
  const latency = new Map(
    calls.map(([caller, callee, operation]) => [
      latencyNodeId('server', rpcId({ caller, callee, operation })),
      stats,
    ]),
  );
  return Array.from({ length: count }, (_, index) => ({
    startMs: index,
    endMs: index + 1,
    latency,
    metrics: new Map(),
  }));
}

const objective: Objective = {
  name: 'search',
  service: 'frontend',
  operation: 'HTTP GET /hotels',
  percentile: 'p99Ms',
  thresholdMs: 100,
};

describe('an objective that nobody asks for', () => {
  const hotels = [OUTSIDE, 'frontend', 'HTTP GET /hotels'] as const;
  const hotelz = [OUTSIDE, 'frontend', 'HTTP GET /hotelz'] as const;
  const user = [OUTSIDE, 'frontend', 'HTTP POST /user:new'] as const;
  const cases: [string, Window[], RegExp | undefined][] = [
    ['one that was seen', windows(10, hotels), undefined],
    ['one that was seen once', [...windows(20, hotelz), ...windows(1, hotels)], undefined],
    ['too few windows', windows(9, hotelz), undefined],
    ['a slip', windows(10, hotelz, user), /; did you mean "HTTP GET \/hotelz" at frontend\?$/],
    ['a service of another name', windows(10, [OUTSIDE, 'frontent', 'HTTP GET /hotels']), /at frontent\?$/],
    ['nothing like it', windows(10, user), /; seen were "HTTP POST \/user:new" at frontend$/],
    [
      'an inner request',
      windows(10, ['gateway', 'frontend', 'HTTP GET /hotels'], user),
      /; gateway calls it: an objective is of a request that enters/,
    ],
    ['no entry at all', windows(10, ['a', 'b', 'c']), /; no request from outside was seen at all/],
    [
      'many entries',
      windows(10, ...Array.from({ length: 9 }, (_, n) => [OUTSIDE, 'shop', `op ${n}`] as const)),
      /; seen were "op 0" at shop, .*"op 4" at shop, …$/,
    ],
  ];
  for (const [name, seen, expected] of cases) {
    it(`${expected === undefined ? 'is not told of' : 'is told of'}: ${name}`, () => {
      const why = unseenObjective(objective, seen);
      if (expected === undefined) expect(why).to.equal(undefined);
      else
        expect(why)
          .to.match(expected)
          .and.to.match(/^no request of "HTTP GET \/hotels" at frontend/);
    });
  }
});
