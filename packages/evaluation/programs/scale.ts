/**
 * How training and diagnosis grow with an application, against what they may take:
 *
 *     node packages/evaluation/dist/programs/scale.js [services[xREPLICAS]…]
 *
 * Each service has two operations, three callees and a calm past of 200 windows; then one of them slows, or one of its
 * replicas alone. From 1,000 services on each has three replicas where no number of them is given, fewer services have
 * one.
 */
import { loadBackend } from '@sage/gvae';
import { measureTree, type TreeResult } from '../src/experiments/tree-questions.js';

const OPTIONS = { windows: 200, epochs: 10, questions: 40 };
/** Diagnosis p99 up to 200 services, and above; memory. */
const LIMITS = { smallMs: 50, largeMs: 500, bytes: 1.5 * 2 ** 30 };

/** What has so many services is seldom run without a spare. */
const LARGE = 1000;
const LARGE_REPLICAS = 3;

const sizes = process.argv.slice(2);
const backend = await loadBackend();
let first: number | undefined;
for (const size of sizes.length > 0 ? sizes : ['30', '188', '1000']) {
  const [services = 0, replicas = services >= LARGE ? LARGE_REPLICAS : 1] = size.split('x').map(Number);
  const found = await measureTree(
    { services, replicas, ...OPTIONS },
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
    `${services} services of ${replicas}, ${found.latencyNodes} latency nodes, ${backend}: ` +
      `training ${perService.toFixed(2)} ms per service and epoch, ratio ${(perService / first).toFixed(2)}; ` +
      `diagnosis p50 ${p50.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms, ratio to its limit ${(p99 / limit).toFixed(2)}; ` +
      `${found.right} of ${found.asked} right${ofReplicas(found)}; memory ${(found.memoryBytes / 1e6).toFixed(0)} MB, ratio ${(found.memoryBytes / LIMITS.bytes).toFixed(2)}`,
  );
}

function ofReplicas({ askedOfReplica, rightReplica }: TreeResult): string {
  return askedOfReplica === 0 ? '' : `, ${rightReplica} of ${askedOfReplica} replicas`;
}
