/**
 * How training and diagnosis grow with an application, against what they may take:
 *
 *     node packages/evaluation/dist/programs/scale.js [services…]
 *
 * Each service has two operations, three callees and a calm past of 200 windows; then one of them slows.
 */
import { loadBackend } from '@sage/gvae';
import { measureTree } from '../src/experiments/tree-questions.js';

const OPTIONS = { windows: 200, epochs: 10, questions: 40 };
/** Diagnosis p99 up to 200 services, and above; memory. */
const LIMITS = { smallMs: 50, largeMs: 500, bytes: 1.5 * 2 ** 30 };

const sizes = process.argv.slice(2).map(Number);
const backend = await loadBackend();
let first: number | undefined;
for (const services of sizes.length > 0 ? sizes : [30, 188, 1000]) {
  const found = await measureTree(
    { services, ...OPTIONS },
    {
      seed: services,
      nowMs: () => performance.now(),
      progress: () => undefined,
      memoryBytes: () => process.memoryUsage().rss,
    },
  );
  const perService = found.trainMsPerServiceAndEpoch;
  first ??= perService;
  const p50 = found.p50DiagnoseMs ?? Number.NaN;
  const p99 = found.p99DiagnoseMs ?? Number.NaN;
  const limit = services <= 200 ? LIMITS.smallMs : LIMITS.largeMs;
  console.log(
    `${services} services, ${found.latencyNodes} latency nodes, ${backend}: ` +
      `training ${perService.toFixed(2)} ms per service and epoch, ratio ${(perService / first).toFixed(2)}; ` +
      `diagnosis p50 ${p50.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms, ratio to its limit ${(p99 / limit).toFixed(2)}; ` +
      `${found.right} of ${found.asked} right; memory ${(found.memoryBytes / 1e6).toFixed(0)} MB, ratio ${(found.memoryBytes / LIMITS.bytes).toFixed(2)}`,
  );
}
