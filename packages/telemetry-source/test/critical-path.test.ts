import { expect } from 'chai';
import fc from 'fast-check';
import { callsBeside, criticalPathUs } from '../src/critical-path.js';
import { RpcAssembler } from '../src/rpc-assembler.js';

describe('critical path', () => {
  const MS = 1000;
  const cases: [name: string, calls: readonly [number, number][], expected: readonly number[]][] = [
    [
      'one after the other',
      [
        [10, 40],
        [40, 90],
      ],
      [30, 50],
    ],
    [
      'side by side: the last to finish',
      [
        [10, 40],
        [10, 90],
      ],
      [0, 80],
    ],
    [
      'side by side, then one more',
      [
        [10, 40],
        [10, 60],
        [70, 95],
      ],
      [0, 50, 25],
    ],
    [
      'one that was still running when the last began',
      [
        [0, 80],
        [50, 90],
      ],
      [0, 40],
    ],
    [
      'starts stamped to the millisecond overlap by less than one',
      [
        [10, 40.9],
        [40, 90],
      ],
      [30.9, 50],
    ],
    ['ends after its parent: the part inside', [[80, 150]], [20]],
    [
      'starts after its parent ended',
      [
        [110, 150],
        [10, 40],
      ],
      [0, 30],
    ],
    [
      'takes no time',
      [
        [50, 50],
        [10, 40],
      ],
      [0, 30],
    ],
    ['none', [], []],
  ];
  for (const [name, calls, expected] of cases) {
    it(name, () => {
      const intervals = calls.map(([start, end]) => ({
        startUs: start * MS,
        endUs: end * MS,
        callerClock: false,
      }));
      const critical = criticalPathUs({ startUs: 0, endUs: 100 * MS }, intervals);
      expect(critical.map((us) => Math.round(us) / MS)).to.deep.equal(expected);
    });
  }

  it('a call that outlives its parent was not waited for, where both are by one clock', () => {
    const outliving = { startUs: 50 * MS, endUs: 120 * MS };
    const parent = { startUs: 0, endUs: 100 * MS };
    expect(criticalPathUs(parent, [{ ...outliving, callerClock: true }])).to.deep.equal([0]);
    expect(criticalPathUs(parent, [{ ...outliving, callerClock: false }])).to.deep.equal([50 * MS]);
  });

  it('never takes more than the parent and the tolerated overlaps', () => {
    const interval = fc
      .tuple(fc.integer({ min: -50_000, max: 150_000 }), fc.nat(100_000))
      .map(([startUs, length]) => ({ startUs, endUs: startUs + length, callerClock: false }));
    fc.assert(
      fc.property(fc.array(interval, { maxLength: 20 }), (calls) => {
        const critical = criticalPathUs({ startUs: 0, endUs: 100_000 }, calls);
        expect(critical.reduce((a, b) => a + b, 0)).to.be.at.most(100_000 + calls.length * 1_000);
        critical.forEach((us, i) => {
          const call = calls[i] as { startUs: number; endUs: number };
          expect(us).to.be.within(0, call.endUs - call.startUs);
        });
      }),
    );
  });
});

describe('calls side by side', () => {
  const MS = 1_000;
  type Row = readonly [startMs: number, endMs: number];
  const CASES: readonly [name: string, calls: readonly Row[], beside: readonly (readonly number[])[]][] = [
    [
      'one after the other',
      [
        [0, 10],
        [10, 30],
      ],
      [[], []],
    ],
    [
      'two at once, then one',
      [
        [0.1, 20],
        [0.2, 30],
        [31, 40],
      ],
      [[1], [0], []],
    ],
    [
      'overlapping by less than half of the shorter',
      [
        [0.1, 20],
        [12, 30],
      ],
      [[], []],
    ],
    [
      'a long one beside two short ones',
      [
        [0.1, 90],
        [5, 10],
        [40, 50],
      ],
      [[1, 2], [0], [0]],
    ],
    [
      'short ones whose starts are stamped to the millisecond',
      [
        [5, 5.4],
        [5, 5.3],
      ],
      [[], []],
    ],
    [
      'what outlives the parent is waited for by nobody',
      [
        [50.1, 150],
        [50.2, 99],
      ],
      [[], []],
    ],
  ];
  for (const [name, calls, beside] of CASES) {
    it(name, () => {
      const intervals = calls.map(([start, end]) => ({
        startUs: start * MS,
        endUs: end * MS,
        callerClock: true,
      }));
      expect(callsBeside({ startUs: 0, endUs: 100 * MS }, intervals)).to.deep.equal(beside);
    });
  }

  it('are told of each other by kind, and waited for or not', () => {
    const span = (id: string, kind: 'client' | 'server', service: string, start: number, end: number) => ({
      traceId: 't',
      spanId: id,
      parentSpanId: id === 's' ? undefined : 's',
      service,
      operation: id,
      kind,
      startUs: start * MS + 100,
      durationUs: (end - start) * MS,
      error: false,
      peerService: kind === 'client' ? `${id}-store` : undefined,
      instance: undefined,
    });
    const assembler = new RpcAssembler();
    assembler.add(
      [
        span('s', 'server', 'front', 0, 100),
        span('a', 'client', 'front', 10, 50),
        span('b', 'client', 'front', 12, 40),
        span('c', 'client', 'front', 60, 160),
      ],
      0,
    );
    const told = new Map(
      assembler.flush().map(({ rpc, awaited, beside }) => [rpc.operation, { awaited, beside }]),
    );
    expect(told.get('a')).to.deep.equal({ awaited: true, beside: ['front>b-store:b'] });
    expect(told.get('b')).to.deep.equal({ awaited: true, beside: ['front>a-store:a'] });
    expect(told.get('c')).to.deep.equal({ awaited: false, beside: undefined });
  });
});
