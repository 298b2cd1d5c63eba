import { ManualClock, OUTSIDE, type RpcObservation, rpcId, type Span, type SpanKind } from '@sage/core';
import { expect } from 'chai';
import fc from 'fast-check';
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

  it('takes it for one in such a trace, too, where a whole trace has shown that the callee has no spans', () => {
    const { after, assembler } = timeline();
    const store = { ...client, peerService: 'redis' };
    after(0, root, store);
    after(2_500);
    const slow = (one: Span): Span => ({ ...one, traceId: 'u' });
    after(0, slow({ ...server, spanId: 'early', parentSpanId: 'lost' }));
    after(10_000);
    after(0, slow(root), slow(store));
    expect(after(2_500)).to.deep.equal([
      'front>redis:op-c 50 - - - 1 < (outside)>front:op-s',
      '(outside)>front:op-s - 100 - - - < -',
    ]);
    expect(assembler.stats().dropped['lost-server']).to.equal(0);
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
