import { createRng } from '@sage/core';
import { csv, type Tree } from './tree.js';

const PERIOD_SECONDS = 300;
const ISSUE_SECONDS = 1_681_855_200;
/** Normal periods are of months later. */
const NORMAL_SECONDS = ISSUE_SECONDS + 100 * 86_400;
const SERVICES = ['Site', 'Search', 'Store'];
const P50_SECONDS: Readonly<Record<string, number>> = { Site: 0.06, Search: 0.04, Store: 0.01 };

/** The issue is seen from here on. */
export const TARGET_SECONDS = ISSUE_SECONDS + 4 * PERIOD_SECONDS + 100;

/** `slowFrom`: the period from which the search, and with it the site, takes ten times as long. */
function metrics(beginSeconds: number, periods: number, slowFrom: number, seed: number): string {
  const rng = createRng(seed);
  const columns = SERVICES.flatMap((service) => [
    ...(['p50', 'p95', 'p99'] as const).map((statistic) => [service, 'latency', statistic] as const),
    [service, 'requests', 'Sum'] as const,
  ]);
  const factor = { p50: 1, p95: 2, p99: 3 };
  const rows = Array.from({ length: periods }, (_, period) => {
    const cells = columns.map(([service, , statistic]) => {
      if (statistic === 'Sum') return Math.round(600 * Math.exp(0.05 * rng.normal()));
      const slow = period >= slowFrom && service !== 'Store' ? 0.4 : 0;
      return ((P50_SECONDS[service] ?? 0) + slow) * factor[statistic] * Math.exp(0.05 * rng.normal());
    });
    return [beginSeconds + period * PERIOD_SECONDS, ...cells];
  });
  return csv([
    ['microservice', ...columns.map(([service]) => service)],
    ['metric', ...columns.map(([, metric]) => metric)],
    ['statistic', ...columns.map(([, , statistic]) => statistic)],
    ['unix_timestamp', ...columns.map(() => '')],
    ...rows,
  ]);
}

const target = { node: 'Site', metric: 'latency', timestamp: TARGET_SECONDS };
/** What may be known before an answer. */
const UNLABELLED = JSON.stringify({ target });
export const LABELLED = JSON.stringify({ target, root_cause: { node: 'Search', metric: null } });

/** A site that searches, and a search that asks a store; the search becomes slow. Without labels. */
export function petshopTree(): Tree {
  return Object.fromEntries(
    ['low_traffic', 'high_traffic'].flatMap((traffic, index) => [
      [`${traffic}/graph.csv`, ',Site,Search,Store\nSite,0,1,0\nSearch,0,0,1\nStore,0,0,0\n'],
      [`${traffic}/noissue/metrics.csv`, metrics(NORMAL_SECONDS, 60, 60, index)],
      [`${traffic}/train/issue_0/metrics.csv`, metrics(ISSUE_SECONDS, 7, 4, index + 2)],
      [`${traffic}/train/issue_0/target.json`, UNLABELLED],
    ]),
  );
}
