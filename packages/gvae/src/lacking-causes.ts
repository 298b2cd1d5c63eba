import type { Window } from '@sage/core';
import type { Layout } from './layout.js';

/** Expected calls in a window without any of which something is amiss with the traces. */
const CALLS_TO_BE_SEEN = 5;

/**
 * [node]: 1 where calls that it makes so often that some were to be seen are missing: nothing tells what it waited for.
 * `seen`: [node], 1 where the window saw it.
 */
export function lackingCauses(layout: Layout, window: Window, seen: Uint8Array): Uint8Array {
  const lacking = new Uint8Array(layout.nodes.length);
  for (const { parent, child, calls, aggregate } of layout.edges) {
    if (aggregate || seen[parent] === 1) continue;
    const count = window.latency.get(layout.nodes[child] as string)?.count ?? 0;
    if (calls * count >= CALLS_TO_BE_SEEN) lacking[child] = 1;
  }
  return lacking;
}
