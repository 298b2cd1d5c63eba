import { ManualClock, OUTSIDE, type RpcObservation, rpcId, type Span, type SpanKind } from '@sage/core';
import { expect } from 'chai';
import fc from 'fast-check';
import { callsBeside, criticalPathUs } from '../src/critical-path.js';
import { RpcAssembler, type RpcAssemblerOptions } from '../src/rpc-assembler.js';

/** `[id, parent, service, kind, startMs, endMs]`, optionally the peer. */
type Row = [string, string | undefined, string, SpanKind, number, number, string?];

function span([spanId, parentSpanId, service, kind, startMs, endMs, peerService]: Row, traceId = 't'): Span {
  return {
    traceId,
    spanId,
    parentSpanId,
    service,
    operation: `op-${spanId}`,
    kind,
    startUs: startMs * 1000,
    durationUs: (endMs - startMs) * 1000,
    error: false,
    peerService,
    instance: undefined,
  };
}

/** `caller>callee:operation c s r p % <parent`: client, server, request, response in ms and the critical share. */
function line(o: RpcObservation): string {
  const ms = [o.clientMs, o.serverMs, o.requestMs, o.responseMs].map((value) => value ?? '-').join(' ');
  return `${rpcId(o.rpc)} ${ms} ${o.criticality ?? '-'} < ${o.parent === undefined ? '-' : rpcId(o.parent)}`;
}

function assemble(rows: readonly Row[], options?: RpcAssemblerOptions) {
  const assembler = new RpcAssembler(options);
  assembler.add(
    rows.map((row) => span(row)),
    0,
  );
  const observations = assembler.flush();
  return { lines: observations.map(line).sort(), dropped: assembler.stats().dropped, observations };
}

const ROOT: Row = ['s', undefined, 'front', 'server', 0, 100];

describe('RpcAssembler', () => {
  it('says which replica served a call, not which one made it', () => {
    const rows: Row[] = [
      ROOT,
      ['c', 's', 'front', 'client', 10, 60],
      ['d', 'c', 'cart', 'server', 20, 45],
      ['e', 'd', 'cart', 'client', 25, 30, 'redis'],
    ];
    const assembler = new RpcAssembler();
    assembler.add(
      rows.map((row) => ({ ...span(row), instance: `${row[2]}-1` })),
      0,
    );
    const served = assembler.flush().map(({ rpc, instance }) => [rpc.callee, instance]);
    expect(Object.fromEntries(served)).to.deep.equal({ redis: undefined, cart: 'cart-1', front: 'front-1' });
  });

  const traces: [name: string, rows: readonly Row[], expected: readonly string[], dropped?: object][] = [
    ['a root server span', [ROOT], ['(outside)>front:op-s - 100 - - - < -']],
    [
      'a client and a server span',
      [ROOT, ['c', 's', 'front', 'client', 10, 60], ['d', 'c', 'cart', 'server', 20, 45]],
      ['(outside)>front:op-s - 100 - - - < -', 'front>cart:op-d 50 25 10 15 1 < (outside)>front:op-s'],
    ],
    [
      'a call made inside internal spans',
      [
        ROOT,
        ['i', 's', 'front', 'internal', 5, 95],
        ['j', 'i', 'front', 'internal', 6, 90],
        ['c', 'j', 'front', 'client', 10, 60],
        ['d', 'c', 'cart', 'server', 20, 45],
      ],
      ['(outside)>front:op-s - 100 - - - < -', 'front>cart:op-d 50 25 10 15 1 < (outside)>front:op-s'],
    ],
    [
      'a store without spans is a virtual node',
      [ROOT, ['c', 's', 'front', 'client', 10, 60, 'redis']],
      ['(outside)>front:op-s - 100 - - - < -', 'front>redis:op-c 50 - - - 1 < (outside)>front:op-s'],
    ],
    [
      'a client span that names nobody',
      [ROOT, ['c', 's', 'front', 'client', 10, 60]],
      ['(outside)>front:op-s - 100 - - - < -'],
      { 'unpaired-client': 1 },
    ],
    [
      'no client span: server under a server of another service',
      [ROOT, ['d', 's', 'cart', 'server', 20, 45]],
      ['(outside)>front:op-s - 100 - - - < -', 'front>cart:op-d - 25 - - 1 < (outside)>front:op-s'],
    ],
    [
      'a load generator with spans of its own',
      [
        ['g', undefined, 'load', 'client', 0, 100],
        ['s', 'g', 'front', 'server', 1, 98],
        ['c', 's', 'front', 'client', 10, 60, 'redis'],
      ],
      ['front>redis:op-c 50 - - - 1 < load>front:op-s', 'load>front:op-s 100 97 1 2 - < -'],
    ],
    [
      'a server span whose parent never came',
      [
        ['s', 'gone', 'front', 'server', 0, 100],
        ['c', 's', 'front', 'client', 10, 60, 'redis'],
      ],
      ['front>redis:op-c 50 - - - - < -'],
      { 'orphan-server': 1 },
    ],
    [
      'two server spans of one call, as layered instrumentations make',
      [ROOT, ['s2', 's', 'front', 'server', 1, 99], ['c', 's2', 'front', 'client', 10, 60, 'redis']],
      ['(outside)>front:op-s - 100 - - - < -', 'front>redis:op-c 50 - - - 1 < (outside)>front:op-s'],
    ],
    [
      'two client spans of one call: the inner one pairs',
      [
        ROOT,
        ['c', 's', 'front', 'client', 10, 60, 'cart'],
        ['c2', 'c', 'front', 'client', 12, 58],
        ['d', 'c2', 'cart', 'server', 20, 45],
      ],
      ['(outside)>front:op-s - 100 - - - < -', 'front>cart:op-d 46 25 8 13 1 < (outside)>front:op-s'],
    ],
    [
      'recursion: a service that calls itself',
      [ROOT, ['c', 's', 'front', 'client', 10, 60], ['d', 'c', 'front', 'server', 20, 45]],
      ['(outside)>front:op-s - 100 - - - < -', 'front>front:op-d 50 25 10 15 1 < (outside)>front:op-s'],
    ],
    [
      'a message lasts until it was handled, and does not hold up a sender that ends before',
      [ROOT, ['p', 's', 'front', 'producer', 80, 81], ['q', 'p', 'mail', 'consumer', 90, 120]],
      ['(outside)>front:op-s - 100 - - - < -', 'front>mail:op-q 40 30 10 0 0 < (outside)>front:op-s'],
    ],
    [
      'clocks apart: the way there never takes less than nothing',
      [ROOT, ['c', 's', 'front', 'client', 10, 60], ['d', 'c', 'cart', 'server', 5, 30]],
      ['(outside)>front:op-s - 100 - - - < -', 'front>cart:op-d 50 25 0 25 1 < (outside)>front:op-s'],
    ],
    [
      'clocks apart: nor the way back',
      [ROOT, ['c', 's', 'front', 'client', 10, 60], ['d', 'c', 'cart', 'server', 50, 75]],
      ['(outside)>front:op-s - 100 - - - < -', 'front>cart:op-d 50 25 25 0 1 < (outside)>front:op-s'],
    ],
    [
      'a client that gave up before the server was done',
      [ROOT, ['c', 's', 'front', 'client', 10, 60], ['d', 'c', 'cart', 'server', 20, 90]],
      ['(outside)>front:op-s - 100 - - - < -', 'front>cart:op-d 50 70 10 0 1 < (outside)>front:op-s'],
    ],
    [
      'parents in a circle',
      [
        ['a', 'b', 'front', 'server', 0, 10],
        ['b', 'a', 'front', 'internal', 0, 10],
        ['c', 'c', 'front', 'server', 0, 10],
      ],
      [],
      { invalid: 1 },
    ],
  ];
  for (const [name, rows, expected, dropped = {}] of traces) {
    it(name, () => {
      const result = assemble(rows);
      expect(result.lines).to.deep.equal([...expected].sort());
      expect(result.dropped).to.include(dropped);
    });
  }

  it('ends an observation with its outermost span, in milliseconds', () => {
    const { observations } = assemble([
      ROOT,
      ['c', 's', 'front', 'client', 10, 60],
      ['d', 'c', 'cart', 'server', 20, 45],
    ]);
    expect(observations.map((o) => o.endMs)).to.deep.equal([60, 100]);
  });
});

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

describe('RpcAssembler over time', () => {
  const root = span(ROOT);
  const client = span(['c', 's', 'front', 'client', 10, 60]);
  const server = span(['d', 'c', 'cart', 'server', 20, 45]);

  function timeline(options?: RpcAssemblerOptions) {
    const clock = new ManualClock(1_000_000);
    const assembler = new RpcAssembler(options);
    return {
      assembler,
      after(ms: number, ...spans: Span[]): string[] {
        clock.advance(ms);
        assembler.add(spans, clock.now());
        return assembler.advance(clock.now()).map(line);
      },
    };
  }

  it('gives a trace out when nothing new of it came for the grace, whatever the order of arrival', () => {
    const { after, assembler } = timeline();
    expect(after(0, server)).to.deep.equal([]);
    expect(after(2_000, root)).to.deep.equal([]);
    expect(after(2_000, client)).to.deep.equal([]);
    expect(after(2_499)).to.deep.equal([]);
    expect(after(1)).to.deep.equal([
      'front>cart:op-d 50 25 10 15 1 < (outside)>front:op-s',
      '(outside)>front:op-s - 100 - - - < -',
    ]);
    expect(after(60_000)).to.deep.equal([]);
    expect(assembler.stats()).to.include({ spansReceived: 3, spansHeld: 0, tracesHeld: 0, observations: 2 });
  });

  it('waits longer while the span of a slow request is missing', () => {
    const { after } = timeline();
    after(0, client, server);
    expect(after(9_000)).to.deep.equal([]);
    expect(after(500, root)).to.deep.equal([]);
    expect(after(2_500)).to.have.length(2);
  });

  it('gives up waiting, and counts what cannot be used', () => {
    const { after, assembler } = timeline();
    after(0, server);
    expect(after(10_000)).to.deep.equal([]);
    expect(assembler.stats().dropped['orphan-server']).to.equal(1);
    expect(assembler.stats().spansHeld).to.equal(0);
  });

  it('takes no lone client span for a store when the rest of its trace has left', () => {
    const { after, assembler } = timeline();
    after(0, server);
    after(10_000);
    after(0, root, { ...client, peerService: 'cart' });
    expect(after(2_500)).to.deep.equal(['(outside)>front:op-s - 100 - - - < -']);
    expect(assembler.stats().dropped['lost-server']).to.equal(1);
  });

  it('takes no lone client span for a store where calls usually have both spans', () => {
    const { after, assembler } = timeline();
    after(0, root, client, server);
    after(2_500);
    const lost = { ...client, traceId: 'u', peerService: 'cart' };
    after(0, { ...root, traceId: 'u' }, lost);
    expect(after(2_500)).to.deep.equal(['(outside)>front:op-s - 100 - - - < -']);
    expect(assembler.stats().dropped['lost-server']).to.equal(1);
  });

  it('counts repeated spans once, before and after their trace left', () => {
    const { after, assembler } = timeline();
    after(0, root, root, client, server, server);
    expect(after(2_500)).to.have.length(2);
    after(100, root, client, server);
    expect(after(60_000)).to.deep.equal([]);
    expect(assembler.stats().dropped).to.include({ duplicate: 2, late: 3 });
  });

  it('gives out a trace that never falls silent', () => {
    const { after } = timeline({ maxTraceMs: 5_000 });
    for (let i = 0; i < 5; i++) {
      const row: Row = [`r${i}`, undefined, 'front', 'server', 0, 1];
      expect(after(1_000, span(row))).to.deep.equal([]);
    }
    expect(after(1_000)).to.have.length(5);
  });

  it('evicts the oldest trace first', () => {
    const { after, assembler } = timeline({ maxSpans: 3 });
    after(0, { ...root, traceId: 'a' });
    after(1, { ...root, traceId: 'b' }, { ...client, traceId: 'b', peerService: 'redis' });
    after(1, { ...root, traceId: 'c' });
    expect(assembler.stats()).to.include({ spansHeld: 3, tracesHeld: 2 });
    expect(assembler.stats().dropped.evicted).to.equal(1);
    expect(after(2_500)).to.have.length(3);
  });

  const invalid: [name: string, change: Partial<Span>][] = [
    ['no trace id', { traceId: '' }],
    ['no span id', { spanId: '' }],
    ['a start that is no number', { startUs: Number.NaN }],
    ['a negative duration', { durationUs: -1 }],
    ['an endless duration', { durationUs: Number.POSITIVE_INFINITY }],
  ];
  for (const [name, change] of invalid) {
    it(`refuses a span with ${name}`, () => {
      const { after, assembler } = timeline();
      after(0, { ...root, ...change });
      expect(after(60_000)).to.deep.equal([]);
      expect(assembler.stats().dropped.invalid).to.equal(1);
    });
  }

  it('never throws, stays within bounds and makes sense, whatever it is fed', () => {
    const id = fc.constantFrom('1', '2', '3', '4', '5', '6');
    const soup = fc.array(
      fc.record<Span>({
        traceId: fc.constantFrom('x', 'y', 'z'),
        spanId: id,
        parentSpanId: fc.option(id, { nil: undefined }),
        service: fc.constantFrom('a', 'b', 'c'),
        operation: fc.constantFrom('p', 'q'),
        kind: fc.constantFrom<SpanKind>('client', 'server', 'producer', 'consumer', 'internal'),
        startUs: fc.integer({ min: -1_000, max: 100_000 }),
        durationUs: fc.integer({ min: -10, max: 100_000 }),
        error: fc.boolean(),
        peerService: fc.option(fc.constantFrom('a', 'd'), { nil: undefined }),
        instance: fc.constant(undefined),
      }),
      { maxLength: 40 },
    );
    const steps = fc.array(fc.tuple(fc.nat(4_000), soup), { maxLength: 6 });
    fc.assert(
      fc.property(steps, (timelineOfSpans) => {
        const assembler = new RpcAssembler({ maxSpans: 12 });
        let nowMs = 0;
        const observations: RpcObservation[] = [];
        for (const [ms, spans] of timelineOfSpans) {
          nowMs += ms;
          assembler.add(spans, nowMs);
          expect(assembler.stats().spansHeld).to.be.at.most(12);
          observations.push(...assembler.advance(nowMs));
        }
        observations.push(...assembler.advance(nowMs + 10_000));
        expect(assembler.stats()).to.include({ spansHeld: 0, tracesHeld: 0 });
        for (const o of observations) {
          for (const ms of [o.clientMs, o.serverMs, o.requestMs, o.responseMs])
            if (ms !== undefined) expect(ms).to.be.at.least(0);
          if (o.criticality !== undefined) expect(o.criticality).to.be.within(0, 1);
          expect(o.clientMs ?? o.serverMs).to.not.equal(undefined);
          if (o.rpc.caller === OUTSIDE) expect(o.parent).to.equal(undefined);
        }
      }),
      { numRuns: 300 },
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
