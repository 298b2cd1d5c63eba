import { gzipSync } from 'node:zlib';
import { createRng } from '@sage/core';
import { csv, type Tree } from './tree.js';

const MINUTES = 60;
const BEGIN_MS = Date.UTC(2022, 7, 22, 3, 0, 19);
/** Of minutes of the day, from the first reading on. */
export const SLOW = [39, 40, 41];

/** As the exporter prints it, some seconds late. */
export function printed(minute: number, lateMs = 0): string {
  const [day, time] = new Date(BEGIN_MS + 60_000 * minute + lateMs).toISOString().split('T') as [
    string,
    string,
  ];
  return `${day} ${time.replace('Z', '000000')} +0000 UTC m=+${60 * minute}.1`;
}

export const POD_COLUMNS = [
  'Time',
  'TimeStamp',
  'PodName',
  'CpuUsage(m)',
  'CpuUsageRate(%)',
  'MemoryUsage(Mi)',
  'NetworkReceiveBytes',
  'NetworkTransmitBytes',
  'PodServerLatencyP90(s)',
  'PodServerLatencyP95(s)',
  'PodServerLatencyP99(s)',
  'PodWorkload(Ops)',
];

interface Service {
  readonly p50: number;
  /** Calls per request of the application. */
  readonly calls: number;
  readonly slowBy?: number;
}

function dayOf(services: Readonly<Record<string, Service>>, entry: string, seed: number) {
  const rng = createRng(seed);
  const rows = new Map(Object.keys(services).map((name) => [name, [POD_COLUMNS] as (string | number)[][]]));
  const front: (string | number)[][] = [
    [
      'Time',
      'TimeStamp',
      'SuccessRate(%)',
      'LatencyP50(s)',
      'LatencyP90(s)',
      'LatencyP95(s)',
      'LatencyP99(s)',
    ],
  ];
  for (let minute = 0; minute < MINUTES; minute++) {
    const noise = () => Math.exp(0.05 * rng.normal());
    const load = 10 * noise();
    for (const [name, { p50, calls, slowBy = 0 }] of Object.entries(services)) {
      const slow = SLOW.includes(minute) ? slowBy : 0;
      const ms = (p50 + slow) * noise();
      const [p90, p95, p99] = [0.002 * ms, 0.0025 * ms, 0.004 * ms];
      const used = slow > 0 && name !== entry ? 20 : 4 * noise();
      const pod = `${name}-5f6585d649-fnmft`;
      const row = [printed(minute, 900), 1, pod, used, 5 * used, 100 * noise(), 3e4 * noise(), 8e4 * noise()];
      rows.get(name)?.push([...row, p90, p95, p99, load * calls]);
      if (name === entry) front.push([printed(minute), 1, 100, 0.001 * ms, p90, p95, p99]);
    }
  }
  return { rows, front };
}

const metricFiles = (folder: string, { rows, front }: ReturnType<typeof dayOf>): Tree => ({
  [`${folder}/metric/front_service.csv`]: csv(front),
  ...Object.fromEntries(
    [...rows].map(([name, table]) => [`${folder}/metric/${name}-5f6585d649-fnmft_metric.csv`, csv(table)]),
  ),
});

/** The faults without where they were: what may be known before an answer. */
export const FAULTS = {
  '03': [
    { inject_time: '2022-08-22 03:38:30', inject_type: 'cpu_contention' },
    { inject_time: '2022-08-22 03:50:30', inject_type: 'return' },
  ],
};

const [slow, odd] = FAULTS['03'];
export const labels = (folder: string, slowService: string, oddService: string): Tree => ({
  [`${folder}/fault_list.json`]: JSON.stringify({
    '03': [
      { ...slow, inject_pod: `${slowService}-5f6585d649-fnmft` },
      { ...odd, inject_pod: `${oddService}-5f6585d649-fnmft` },
    ],
  }),
  [`${folder}/root_cause.json`]: JSON.stringify({
    [slowService]: { cpu_contention: 'CpuUsageRate(%)' },
    [oddService]: { return: 'GetProduct start_GetProduct end' },
  }),
});

/** A shop that calls cart and stock; cart is starved of processor time from 3:38:30 on. Without labels. */
export function boutiqueTree(): Tree {
  const folder = 'online-boutique';
  const day = dayOf(
    {
      shop: { p50: 60, calls: 1, slowBy: 90 },
      cart: { p50: 20, calls: 1, slowBy: 90 },
      stock: { p50: 10, calls: 2 },
    },
    'shop',
    3,
  );
  const medians = (wayMs: number) =>
    csv([
      ['time', 'timestamp', 'shop_stock', 'shop_cart'],
      ...Array.from({ length: MINUTES }, (_, minute) => [
        printed(minute, 1500),
        1,
        0.01 + wayMs / 1000,
        (SLOW.includes(minute) ? 0.11 : 0.02) + wayMs / 1000,
      ]),
    ]);
  return {
    ...metricFiles(folder, day),
    [`${folder}/metric/dependency.csv`]:
      'Source,Target,Weight\nshop,cart,1\nshop,stock,1\ncart,33.33.33.80,1\nloadgenerator,33.33.33.79,1\n',
    [`${folder}/metric/source_50.csv`]: medians(1),
    [`${folder}/metric/destination_50.csv`]: medians(0),
    [`${folder}/fault_list.json`]: JSON.stringify(FAULTS),
  };
}

const SPAN_COLUMNS =
  'TraceID,SpanID,ParentID,PodName,OperationName,StartTimeUnixNano,EndTimeUnixNano,Duration\n';
const span = (trace: string, id: string, parent: string, service: string, startUs: number, us: number) =>
  `${trace},${id},${parent},${service}-5f6585d649-fnmft,/x,${1e18 + 1000 * startUs},0,${us}\n`;

/** One request: the gate calls seats, and seats call orders twice. */
export const trace = (id: string): string =>
  [
    span(id, 'a', 'root', 'gate', 0, 1000),
    span(id, 'b', 'a', 'gate', 100, 800),
    span(id, 'c', 'b', 'seat', 150, 700),
    span(id, 'd', 'c', 'seat', 200, 300),
    span(id, 'e', 'd', 'order', 220, 250),
    span(id, 'f', 'c', 'seat', 520, 300),
    span(id, 'g', 'f', 'order', 540, 250),
  ].join('');

/** A door without spans before a gate, seats and orders. Without labels. */
export function trainTicketTree(): Tree {
  const folder = 'train-ticket';
  const day = dayOf(
    {
      door: { p50: 61, calls: 1, slowBy: 90 },
      gate: { p50: 60, calls: 1, slowBy: 90 },
      seat: { p50: 50, calls: 1, slowBy: 90 },
      order: { p50: 20, calls: 2, slowBy: 45 },
      idle: { p50: 0, calls: 0 },
    },
    'door',
    4,
  );
  return {
    ...metricFiles(folder, day),
    [`${folder}/trace/03_38_trace.csv.gz`]: gzipSync(SPAN_COLUMNS + trace('t1') + trace('t2')),
    [`${folder}/trace_faultfree/03_10_trace.csv`]: SPAN_COLUMNS + trace('t3'),
    [`${folder}/fault_list.json`]: JSON.stringify(FAULTS),
  };
}
