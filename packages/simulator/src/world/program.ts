import type { CallNode, Topology, TopologyEndpoint, TopologyNode } from '../topology.js';
import { REPLY_BYTES, REQUEST_BYTES } from './message-bytes.js';

/** One step of a service's work. Targets are places in the same program. */
export type Step =
  | { readonly op: 'cpu'; readonly share: number }
  | { readonly op: 'disk' }
  | { readonly op: 'call'; readonly call: Call }
  | { readonly op: 'par'; readonly strands: readonly Program[] }
  | { readonly op: 'async'; readonly strand: Program }
  /** Goes on with probability `p`, otherwise at the target. */
  | { readonly op: 'branch'; readonly p: number; target: number }
  /** The last of `of` arrivals of a request goes on, the others at the target. */
  | { readonly op: 'last'; readonly of: number; target: number }
  | { readonly op: 'jump'; target: number };

export type Program = readonly Step[];

/** A call with all that is needed to make it. */
export interface Call {
  /** Index of the callee among the topology's services. */
  readonly service: number;
  readonly program: Program;
  readonly clientSpan: string | null;
  readonly serverSpans: readonly string[];
  readonly requestBytes: number;
  readonly replyBytes: number;
}

/** The call from outside that starts a request of an endpoint. */
export function compileEndpoint({ entry, rootSpans, tree }: TopologyEndpoint, topology: Topology): Call {
  return { ...compileService(entry, tree, topology), clientSpan: null, serverSpans: rootSpans };
}

function compileService(
  name: string,
  body: TopologyNode,
  topology: Topology,
): Omit<Call, 'clientSpan' | 'serverSpans'> {
  const service = topology.services.findIndex((candidate) => candidate.name === name);
  const { kind, diskMs, diskShare } = topology.services[service] as Topology['services'][number];
  const work: Step[] = [];
  compileNode(body, work, topology);
  const leaf = work.length === 0;
  const program: Step[] = leaf
    ? [{ op: 'cpu', share: 1 }]
    : [{ op: 'cpu', share: 0.5 }, ...shifted(work, 1), { op: 'cpu', share: 0.5 }];
  if (leaf && diskMs * diskShare > 0) program.push({ op: 'disk' });
  return { service, program, requestBytes: REQUEST_BYTES, replyBytes: REPLY_BYTES[kind] };
}

function compileCall(node: CallNode, topology: Topology): Call {
  const serverSpans = node.serverSpan === null ? [] : [node.serverSpan];
  return { ...compileService(node.to, node.body, topology), clientSpan: node.clientSpan, serverSpans };
}

function compileNode(node: TopologyNode, steps: Step[], topology: Topology): void {
  switch (node.kind) {
    case 'seq':
      for (const inner of node.nodes) compileNode(inner, steps, topology);
      return;
    case 'par':
      steps.push({ op: 'par', strands: node.nodes.map((inner) => strandOf(inner, topology)) });
      return;
    case 'call':
      steps.push({ op: 'call', call: compileCall(node, topology) });
      return;
    case 'local':
      steps.push({ op: 'cpu', share: 0.5 });
      return;
    case 'async':
      steps.push({ op: 'async', strand: strandOf(node.body, topology) });
      return;
    case 'branch': {
      const branch: Step = { op: 'branch', p: node.probability, target: 0 };
      const jump: Step = { op: 'jump', target: 0 };
      steps.push(branch);
      compileNode(node.chosen, steps, topology);
      steps.push(jump);
      branch.target = steps.length;
      compileNode(node.otherwise, steps, topology);
      jump.target = steps.length;
      return;
    }
    case 'last-arrival': {
      const last: Step = { op: 'last', of: node.of, target: 0 };
      steps.push(last);
      compileNode(node.body, steps, topology);
      last.target = steps.length;
      return;
    }
    case 'repeat':
      compileRepeat(node, steps, topology);
  }
}

function compileRepeat(
  { count, mode, body }: Extract<TopologyNode, { kind: 'repeat' }>,
  steps: Step[],
  topology: Topology,
): void {
  const nothing: TopologyNode = { kind: 'seq', nodes: [] };
  const nodes: TopologyNode[] = Array.from({ length: Math.floor(count) }, () => body);
  const rest = count - nodes.length;
  if (rest > 0) nodes.push({ kind: 'branch', probability: rest, chosen: body, otherwise: nothing });
  const single = nodes[0];
  compileNode(single !== undefined && nodes.length === 1 ? single : { kind: mode, nodes }, steps, topology);
}

function strandOf(node: TopologyNode, topology: Topology): Program {
  const steps: Step[] = [];
  compileNode(node, steps, topology);
  return steps;
}

function shifted(steps: readonly Step[], by: number): Step[] {
  return steps.map((step) => ('target' in step ? { ...step, target: step.target + by } : step));
}
