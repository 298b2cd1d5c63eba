import type { CausalGraph } from '@sage/causal-graph';
import { callsPerSecond, type Objective, readObjective, type Window } from '@sage/core';

/** Requests per second in a window that met an objective, NaN in any other. */
export const loadWhereMet = readOnce((objective: Objective, window) => {
  const reading = readObjective(objective, window);
  return reading.observedMs !== undefined && !reading.broken ? reading.requestsPerSecond : Number.NaN;
});

/** Requests per second of each root of a graph, in its order. */
export const rootLoads = readOnce(({ roots }: Pick<CausalGraph, 'roots'>, window) =>
  Float64Array.from(roots, (root) => callsPerSecond(window, root)),
);

/** What is read of a window, for one objective or graph, when it is asked for first: each diagnosis asks of all history. */
function readOnce<K extends object, V>(read: (of: K, window: Window) => V): (of: K) => (window: Window) => V {
  const readers = new WeakMap<K, (window: Window) => V>();
  return (of) => {
    let reader = readers.get(of);
    if (reader === undefined) {
      const known = new WeakMap<Window, V>();
      reader = (window) => {
        let value = known.get(window);
        if (value === undefined) {
          value = read(of, window);
          known.set(window, value);
        }
        return value;
      };
      readers.set(of, reader);
    }
    return reader;
  };
}
