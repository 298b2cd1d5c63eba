import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createRng, type Rng } from '@sage/core';

const PERIOD_SECONDS = 300;
const SERVICES = ['shop', 'search', 'store'];
const CALLS: Readonly<Record<string, readonly string[]>> = { shop: ['search', 'store'] };
const OWN_MS: Readonly<Record<string, number>> = { shop: 20, search: 40, store: 15 };
const STATISTICS = { p50: 1, p95: 1.6, p99: 2 } as const;

/** What the injected fault is: `store` becomes slow, and with it who waits for it. */
export const SLOW = 'store';

/** A small data set in the layout of PetShop: both loads, undisturbed time and one issue each. */
export function writePetshopTree(root: string, seed: number): void {
  const rng = createRng(seed);
  for (const traffic of ['low_traffic', 'high_traffic']) {
    const folder = join(root, traffic);
    const issue = join(folder, 'train', 'issue_0');
    mkdirSync(join(folder, 'noissue'), { recursive: true });
    mkdirSync(issue, { recursive: true });
    writeFileSync(join(folder, 'graph.csv'), graph());
    writeFileSync(
      join(folder, 'noissue', 'metrics.csv'),
      metrics(rng, 2_000_000, { periods: 30, faultFrom: 30 }),
    );
    writeFileSync(join(issue, 'metrics.csv'), metrics(rng, 1_000_000, { periods: 6, faultFrom: 4 }));
    const target = { node: 'shop', metric: 'latency', timestamp: 1_000_000 + 4 * PERIOD_SECONDS + 20 };
    writeFileSync(
      join(issue, 'target.json'),
      JSON.stringify({ target, root_cause: { node: SLOW, metric: null } }),
    );
  }
}

function graph(): string {
  const rows = SERVICES.map((from) => [
    from,
    ...SERVICES.map((to) => (CALLS[from]?.includes(to) ? '1.0' : '0.0')),
  ]);
  return csv([['', ...SERVICES], ...rows]);
}

function metrics(
  rng: Rng,
  startSeconds: number,
  { periods, faultFrom }: { readonly periods: number; readonly faultFrom: number },
): string {
  const columns = [
    ...SERVICES.flatMap((service) =>
      Object.keys(STATISTICS).map((statistic) => [service, 'latency', statistic]),
    ),
    ...SERVICES.map((service) => [service, 'requests', 'Sum']),
  ];
  const headers = ['microservice', 'metric', 'statistic'].map((name, i) => [
    name,
    ...columns.map((column) => column[i] ?? ''),
  ]);
  const rows = Array.from({ length: periods }, (_, period) => {
    const ownMs = Object.fromEntries(
      SERVICES.map((name) => [
        name,
        (OWN_MS[name] ?? 0) * (0.9 + 0.2 * rng.uniform()) * (name === SLOW && period >= faultFrom ? 20 : 1),
      ]),
    );
    const totalMs = (name: string): number =>
      (CALLS[name] ?? []).reduce((sum, callee) => sum + totalMs(callee), ownMs[name] ?? 0);
    return [
      String(startSeconds + period * PERIOD_SECONDS),
      ...SERVICES.flatMap((name) =>
        Object.values(STATISTICS).map((factor) => String((totalMs(name) * factor) / 1000)),
      ),
      ...SERVICES.map(() => String(Math.round(900 + 200 * rng.uniform()))),
    ];
  });
  return csv([...headers, ...rows]);
}

function csv(rows: readonly (readonly string[])[]): string {
  return rows.map((row) => `${row.join(',')}\n`).join('');
}
