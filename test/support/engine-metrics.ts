import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { REPOSITORY } from './repository.js';

/** Of prom-client's metrics what the tests read. */
interface RegisteredMetric {
  readonly name: string;
  readonly labelNames: readonly string[];
}

/** Metric → its labels, as the engine registers them; nothing of an engine runs. */
export async function engineMetrics(): Promise<ReadonlyMap<string, readonly string[]>> {
  const file = join(REPOSITORY, 'packages/engine/dist/src/publishing/metrics.js');
  const { createMetrics } = (await import(pathToFileURL(file).href)) as {
    createMetrics: (view: object) => { registry: { getMetricsAsArray(): readonly RegisteredMetric[] } };
  };
  const { registry } = createMetrics({ version: 'test' });
  return new Map(registry.getMetricsAsArray().map(({ name, labelNames }) => [name, labelNames]));
}
