import type { TopologyNode } from './topology.js';

/** A node and all below it. */
export function* nodesOf(node: TopologyNode): Generator<TopologyNode> {
  yield node;
  switch (node.kind) {
    case 'seq':
    case 'par':
      for (const inner of node.nodes) yield* nodesOf(inner);
      return;
    case 'branch':
      yield* nodesOf(node.chosen);
      yield* nodesOf(node.otherwise);
      return;
    case 'local':
      return;
    default:
      yield* nodesOf(node.body);
  }
}

/** Names of services as often as a tree calls them. */
export function calledIn(tree: TopologyNode): string[] {
  return [...nodesOf(tree)].flatMap((node) => (node.kind === 'call' ? [node.to] : []));
}

/** A tree with each of its nodes replaced, the innermost first. `within`: the service that the node is run by. */
export function mapNodes(
  node: TopologyNode,
  change: (node: TopologyNode, within: string) => TopologyNode,
  within: string,
): TopologyNode {
  const inner = (child: TopologyNode, by = within) => mapNodes(child, change, by);
  switch (node.kind) {
    case 'seq':
    case 'par':
      return change({ ...node, nodes: node.nodes.map((child) => inner(child)) }, within);
    case 'call':
      return change({ ...node, body: inner(node.body, node.to) }, within);
    case 'branch':
      return change({ ...node, chosen: inner(node.chosen), otherwise: inner(node.otherwise) }, within);
    case 'local':
      return change(node, within);
    default:
      return change({ ...node, body: inner(node.body) }, within);
  }
}
