import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { ancestorServices, buildCausalGraph, CallGraphBuilder, serviceEdges } from '@sage/causal-graph';
import { OUTSIDE, type RpcObservation, rpcId, type Span } from '@sage/core';
import { RpcAssembler } from '@sage/telemetry-source';
import { expect } from 'chai';

interface JaegerSpan {
  readonly traceID: string;
  readonly spanID: string;
  readonly operationName: string;
  readonly references: readonly { readonly spanID: string }[];
  readonly startTime: number;
  readonly duration: number;
  readonly processID: string;
}

interface JaegerTrace {
  readonly spans: readonly JaegerSpan[];
  readonly processes: Readonly<Record<string, { readonly serviceName: string }>>;
}

/** The kinds are in the operations' names there, and of two nested entry spans the outer one is the root. */
function fromJaeger(trace: JaegerTrace): Span[] {
  return trace.spans.map((s) => {
    const isRoot = s.references.length === 0;
    const store = /_(redis|mongo|memcached)_/.exec(s.operationName)?.[1];
    const service = trace.processes[s.processID]?.serviceName ?? 'unknown';
    const kind = s.operationName.endsWith('_client')
      ? 'client'
      : s.operationName.endsWith('_server') || isRoot
        ? 'server'
        : 'internal';
    return {
      traceId: s.traceID,
      spanId: s.spanID,
      parentSpanId: s.references[0]?.spanID,
      service,
      operation: s.operationName,
      kind,
      startUs: s.startTime,
      durationUs: s.duration,
      error: false,
      peerService: store === undefined ? undefined : `${service}-${store}`,
      instance: undefined,
    };
  });
}

describe('traces of a real social network', () => {
  const file = fileURLToPath(
    new URL('../../../../../shared/datasets/jaeger/social-network-compose-post.json', import.meta.url),
  );
  if (!existsSync(file)) {
    it.skip('the recorded traces are not here');
    return;
  }
  const root = `${OUTSIDE}>nginx-web-server:/wrk2-api/post/compose`;
  const { data } = JSON.parse(readFileSync(file, 'utf8')) as { data: JaegerTrace[] };
  const assembler = new RpcAssembler();
  let observations: readonly RpcObservation[] = [];

  before(() => {
    for (const trace of data) assembler.add(fromJaeger(trace), 0);
    observations = assembler.advance(2_500);
  });

  it('every call of compose-post is paired, none is left over', () => {
    const counts = new Map<string, number>();
    for (const { rpc } of observations) counts.set(rpcId(rpc), (counts.get(rpcId(rpc)) ?? 0) + 1);
    expect(counts.size).to.equal(21);
    expect([...new Set(counts.values())]).to.deep.equal([20]);
    expect(Object.values(assembler.stats().dropped).every((count) => count === 0)).to.equal(true);
  });

  it('a client time is the sum of the way there, the server and the way back', () => {
    for (const o of observations) {
      if (rpcId(o.rpc) !== root) expect(o.parent, rpcId(o.rpc)).to.not.equal(undefined);
      if (o.clientMs === undefined || o.serverMs === undefined) continue;
      expect((o.requestMs ?? 0) + o.serverMs + (o.responseMs ?? 0)).to.be.closeTo(o.clientMs, 0.002);
    }
  });

  it('of what is composed side by side, the text is waited for and the media are not', () => {
    const share = (rpc: string) => {
      const list = observations.filter((o) => rpcId(o.rpc) === rpc);
      return list.reduce((sum, o) => sum + (o.criticality ?? 0), 0) / list.length;
    };
    expect(share('compose-post-service>text-service:compose_text_server')).to.be.above(0.9);
    expect(share('compose-post-service>media-service:compose_media_server')).to.be.below(0.2);
  });

  it('the causal graph leads from every service to the root', () => {
    const builder = new CallGraphBuilder();
    builder.add(observations, 0);
    const graph = buildCausalGraph(builder.graph(0));
    expect(graph.roots).to.deep.equal([`server|${root}`]);
    expect(graph.latency.at(-1)?.id).to.equal(`server|${root}`);
    expect(ancestorServices(graph, `server|${root}`)).to.deep.equal(graph.services);
    expect(graph.services).to.have.length(21);
    expect(serviceEdges(graph).filter(({ from }) => from === 'home-timeline-service')).to.deep.equal([
      { from: 'home-timeline-service', to: 'home-timeline-service-redis' },
      { from: 'home-timeline-service', to: 'social-graph-service' },
    ]);
  });
});
