import { buildCausalGraph, CallGraphBuilder, type CausalGraph } from '@sage/causal-graph';
import type { Span, SpanKind } from '@sage/core';
import { RpcAssembler, WindowBuilder } from '@sage/telemetry-source';
import { expect } from 'chai';
import fc from 'fast-check';

const id = fc.constantFrom('1', '2', '3', '4', '5', '6', '7', '8');
const soup = fc.array(
  fc.record<Span>({
    traceId: fc.constantFrom('x', 'y'),
    spanId: id,
    parentSpanId: fc.option(id, { nil: undefined }),
    service: fc.constantFrom('a', 'b', 'c'),
    operation: fc.constantFrom('p', 'q'),
    kind: fc.constantFrom<SpanKind>('client', 'server', 'producer', 'consumer', 'internal'),
    startUs: fc.integer({ min: 0, max: 30_000_000 }),
    durationUs: fc.integer({ min: 0, max: 1_000_000 }),
    error: fc.boolean(),
    peerService: fc.option(fc.constantFrom('a', 'store'), { nil: undefined }),
    instance: fc.constant(undefined),
  }),
  { minLength: 4, maxLength: 40 },
);

function isInOrder(graph: CausalGraph): boolean {
  const seen = new Set<string>();
  return graph.latency.every((node) => {
    seen.add(node.id);
    return node.parents.every((parent) => parent.node !== node.id && seen.has(parent.node));
  });
}

describe('from any spans at all', () => {
  it('comes an acyclic graph, and windows whose columns are its nodes', () => {
    let withCalls = 0;
    fc.assert(
      fc.property(soup, (spans) => {
        const assembler = new RpcAssembler();
        const calls = new CallGraphBuilder({ minSupport: 0 });
        const windows = new WindowBuilder({ latenessMs: 0 });
        windows.advance(0);
        assembler.add(spans, 0);
        const observations = assembler.flush();
        calls.add(observations, 0);
        windows.addObservations(observations, 0);

        const callGraph = calls.graph(0);
        const graph = buildCausalGraph(callGraph);
        expect(isInOrder(graph)).to.equal(true);
        if (callGraph.edges.length > 0) withCalls += 1;
        const columns = new Set(windows.advance(30_000)[0]?.latency.keys());
        if (observations.every(({ endMs }) => endMs < 30_000)) {
          for (const node of graph.latency) expect(columns.has(node.id), node.id).to.equal(true);
        }
      }),
      { numRuns: 500 },
    );
    expect(withCalls).to.be.above(10);
  });
});
