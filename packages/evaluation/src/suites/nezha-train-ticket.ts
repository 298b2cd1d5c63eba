import { join } from 'node:path';
import { type CallEdge, CallGraphBuilder } from '@sage/causal-graph';
import { type LatencyStats, OUTSIDE, type RpcKey, type RpcObservation, rpcId } from '@sage/core';
import { RpcAssembler } from '@sage/telemetry-source';
import { aggregateShare, type ServiceCalls, serviceNode, serviceRpc } from '../data/call-tree.js';
import { listFolder } from '../data/files.js';
import { DataError } from '../observed.js';
import type { Minute } from './nezha-minutes.js';
import { readSpans } from './nezha-spans.js';
import { entryService, frontStats, metricsOf, servedStats, type Topology } from './nezha-topology.js';

const TRACES = /_trace\.csv(\.gz)?$/;

/**
 * Train Ticket: who calls whom, how often and how much of it is waited for, from the spans of the minutes that have
 * some. Latencies are measured for each service at all times, so that its calls are taken together. The entry forwards
 * requests without spans of its own.
 */
export function trainTicketTopology(folder: string, minutes: readonly Minute[]): Topology {
  const entry = entryService(minutes, folder);
  const observations = ['trace', 'trace_faultfree']
    .flatMap((name) => listFolder(join(folder, name), TRACES, 'HH_MM_trace.csv.gz files'))
    .flatMap(readCalls);
  if (observations.length === 0) throw new DataError(`${folder}/trace: the spans make no call`);
  const calls = serviceCalls(observations, entry);
  const keyOf = ({ callee }: RpcKey) => serviceRpc(callee, calls);
  const builder = new CallGraphBuilder();
  builder.add(
    observations.map(({ rpc, parent, criticality, endMs, serverMs }) => ({
      rpc: keyOf(rpc),
      parent: parent && keyOf(parent),
      criticality,
      endMs,
      serverMs,
      clientMs: undefined,
      requestMs: undefined,
      responseMs: undefined,
    })),
    0,
  );
  const graph = builder.graph(0);
  const edges = graph.edges.map(({ parent, child, callsPerParent, criticality }) => ({
    parent,
    child,
    ...aggregateShare(callsPerParent, criticality),
  }));
  const root = serviceRpc(entry, calls);
  // Not the callers that RPCs name: those of a service with several have no name.
  const called = graph.rpcs.map(({ key }) => key.callee);
  const hidden = !called.includes(entry);
  const services = [...new Set([...called, entry])].sort();
  return {
    entry: { service: entry, operation: root.operation },
    callGraph: {
      services,
      rpcs: hidden
        ? [...graph.rpcs, { id: rpcId(root), key: root, kinds: ['server'], count: 1 }]
        : graph.rpcs,
      edges: hidden ? [...edges, ...forwards(root, calls)] : edges,
    },
    windowOf: (minute) => {
      const latency = new Map<string, LatencyStats>();
      for (const service of services) {
        const pod = minute.pods.get(service);
        const stats = service === entry ? frontStats(minute, pod) : pod && servedStats(pod);
        if (stats !== undefined) latency.set(serviceNode(service, calls), stats);
      }
      return { startMs: minute.startMs, endMs: minute.endMs, latency, metrics: metricsOf(minute) };
    },
  };
}

/** The entry passes each request on to one of those it calls. */
function forwards(root: RpcKey, calls: ServiceCalls): CallEdge[] {
  const targets = calls.calls.filter(({ from }) => from === root.callee);
  return targets.map(({ to }) => ({
    parent: rpcId(root),
    child: rpcId(serviceRpc(to, calls)),
    ...aggregateShare(1 / targets.length, 1),
  }));
}

/** The calls of one minute's spans. Of traces that reach into the next minute only what is here. */
function readCalls(path: string): RpcObservation[] {
  const spans = readSpans(path);
  const assembler = new RpcAssembler({ maxSpans: Math.max(1, spans.length) });
  assembler.add(spans, 0);
  return assembler.flush();
}

/** Who calls whom; what comes from outside comes through the entry. */
function serviceCalls(observations: readonly RpcObservation[], entry: string): ServiceCalls {
  const services = new Set<string>();
  const calls = new Map<string, { from: string; to: string }>();
  for (const { rpc } of observations) {
    const from = rpc.caller === OUTSIDE ? entry : rpc.caller;
    const to = rpc.callee;
    services.add(from).add(to);
    if (from !== to) calls.set(rpcId({ ...rpc, caller: from, operation: '' }), { from, to });
  }
  return { services: [...services].sort(), calls: [...calls.values()] };
}
