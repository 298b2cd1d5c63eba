import type { Window } from '@sage/core';

/**
 * What is read of a window for one thing, as an objective or a graph, when it is asked for first: each diagnosis asks of all
 * history.
 */
export function readOnce<K extends object, V>(
  read: (of: K, window: Window) => V,
): (of: K) => (window: Window) => V {
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
