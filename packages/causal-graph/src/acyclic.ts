/** An edge between nodes given by name; among the edges of a cycle the one of least support goes. */
export interface SupportedEdge {
  readonly from: string;
  readonly to: string;
  readonly support: number;
}

/**
 * The edges that remain when every cycle is broken. In each strongly connected component the edge of least support
 * is dropped, and again in what is left of it, until none remains. Equal support: the edge that sorts first. The
 * result depends on the set of edges alone, not on their order.
 */
export function breakCycles<Edge extends SupportedEdge>(edges: readonly Edge[]): Edge[] {
  const kept: Edge[] = [];
  const open: Edge[][] = [[...edges].sort(bySupport)];
  for (let part = open.pop(); part !== undefined; part = open.pop()) {
    const component = stronglyConnected(part);
    const inside = new Map<number, Edge[]>();
    for (const edge of part) {
      const number = component.get(edge.from) as number;
      if (number !== component.get(edge.to)) {
        kept.push(edge);
        continue;
      }
      const list = inside.get(number);
      if (list === undefined) inside.set(number, [edge]);
      else list.push(edge);
    }
    // One at a time, and several where there are hundreds, so that no graph takes quadratic time.
    for (const list of inside.values()) open.push(list.slice(Math.max(1, list.length >> 7)));
  }
  return kept;
}

function bySupport(a: SupportedEdge, b: SupportedEdge): number {
  return a.support - b.support || compare(a.from, b.from) || compare(a.to, b.to);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Node → number of its component (Tarjan 1972), with a stack of its own: call chains may be long. */
export function stronglyConnected(edges: readonly Pick<SupportedEdge, 'from' | 'to'>[]): Map<string, number> {
  const next = new Map<string, string[]>();
  for (const { from, to } of edges) {
    const list = next.get(from);
    if (list === undefined) next.set(from, [to]);
    else list.push(to);
    if (!next.has(to)) next.set(to, []);
  }
  const index = new Map<string, number>();
  const low = new Map<string, number>();
  const component = new Map<string, number>();
  const path: string[] = [];
  let components = 0;
  for (const start of next.keys()) {
    if (index.has(start)) continue;
    const frames = [{ node: start, position: 0 }];
    while (frames.length > 0) {
      const frame = frames[frames.length - 1] as { node: string; position: number };
      const { node } = frame;
      if (frame.position === 0) {
        index.set(node, index.size);
        low.set(node, index.get(node) as number);
        path.push(node);
      }
      const target = next.get(node)?.[frame.position];
      frame.position += 1;
      if (target !== undefined) {
        if (!index.has(target)) frames.push({ node: target, position: 0 });
        else if (!component.has(target)) lower(low, node, index.get(target) as number);
        continue;
      }
      frames.pop();
      const caller = frames[frames.length - 1];
      if (caller !== undefined) lower(low, caller.node, low.get(node) as number);
      if (low.get(node) !== index.get(node)) continue;
      for (let member = path.pop(); member !== undefined; member = path.pop()) {
        component.set(member, components);
        if (member === node) break;
      }
      components += 1;
    }
  }
  return component;
}

function lower(low: Map<string, number>, node: string, value: number): void {
  low.set(node, Math.min(low.get(node) as number, value));
}
