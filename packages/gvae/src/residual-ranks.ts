/** Windows, evenly spread over those that residuals are measured on, of which it is kept how these went together. */
export const RANKED_WINDOWS = 96;

/** In place of a rank: the node was not seen in that window. */
export const UNRANKED = 255;

/**
 * Where each value lies among all of them that are numbers, from 0 for the least to 254 for the largest; UNRANKED where it
 * is none.
 */
export function placesOf(values: readonly number[]): Uint8Array {
  const places = new Uint8Array(values.length).fill(UNRANKED);
  const known = values.flatMap((value, i) => (Number.isNaN(value) ? [] : [i]));
  known.sort((a, b) => (values[a] as number) - (values[b] as number));
  known.forEach((i, rank) => {
    places[i] = Math.floor(((rank + 0.5) / known.length) * UNRANKED);
  });
  return places;
}
