/**
 * A busy neighbour: computes without pause. It looks up between bursts of a few milliseconds only to see whether
 * whoever started it is still there.
 */
const BURST_MS = 5;

process.once('disconnect', () => process.exit(0));

let state = 1;
function burst(): void {
  const until = performance.now() + BURST_MS;
  while (performance.now() < until) {
    for (let i = 0; i < 10_000; i++) state = Math.imul(state, 1_664_525) + 1_013_904_223;
  }
  setImmediate(burst);
}
burst();
