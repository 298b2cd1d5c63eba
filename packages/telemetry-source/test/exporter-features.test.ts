import type { FeatureName, MetricSample } from '@sage/core';
import { createExporterFeatures, type ExporterReading } from '@sage/telemetry-source';
import { expect } from 'chai';

const T0 = 1_700_000_000_000;

interface Series {
  readonly name: string;
  readonly labels?: Record<string, string>;
  /** One value per round, 10 s apart; undefined where the scrape failed. */
  readonly values: readonly (number | undefined)[];
}

const GEO = { container: 'geo', pod: 'geo-0', instance: 'node-1:8080' };

/** Samples of each round. */
function rounds(series: readonly Series[], count: number, options = {}): MetricSample[][] {
  const features = createExporterFeatures(options);
  return Array.from({ length: count }, (_, round) => {
    const readings = series.flatMap(({ name, labels = GEO, values }): ExporterReading[] => {
      const value = values[round];
      return value === undefined ? [] : [{ name, labels, timestampMs: T0 + 10_000 * round, value }];
    });
    return [...features.read(readings)];
  });
}

function valuesOf(samples: readonly MetricSample[], feature: FeatureName): number[] {
  return samples.filter((sample) => sample.feature === feature).map(({ value }) => Number(value.toFixed(6)));
}

const CASES: readonly {
  readonly what: string;
  readonly series: readonly Series[];
  readonly feature: FeatureName;
  /** Of the second round. */
  readonly expected: readonly number[];
}[] = [
  {
    what: 'a counter becomes a rate per second',
    series: [{ name: 'container_cpu_usage_seconds_total', values: [3, 8] }],
    feature: 'cpu_usage_cores',
    expected: [0.5],
  },
  {
    what: 'a counter that was reset counts from nothing',
    series: [{ name: 'container_cpu_usage_seconds_total', values: [300, 2] }],
    feature: 'cpu_usage_cores',
    expected: [0.2],
  },
  {
    what: 'reads and writes are added, over all devices',
    series: [
      { name: 'container_fs_reads_bytes_total', labels: { ...GEO, device: 'a' }, values: [0, 100] },
      { name: 'container_fs_reads_bytes_total', labels: { ...GEO, device: 'b' }, values: [0, 200] },
      { name: 'container_fs_writes_bytes_total', labels: { ...GEO, device: 'a' }, values: [0, 300] },
    ],
    feature: 'disk_io_bytes_per_second',
    expected: [60],
  },
  {
    what: 'only major faults of the container itself',
    series: [
      ['pgmajfault', 'container', 50],
      ['pgfault', 'container', 5000],
      ['pgmajfault', 'hierarchy', 70],
    ].map(([failure_type, scope, value]) => ({
      name: 'container_memory_failures_total',
      labels: { ...GEO, failure_type: String(failure_type), scope: String(scope) },
      values: [0, Number(value)],
    })),
    feature: 'memory_major_faults_per_second',
    expected: [5],
  },
  {
    what: 'the round trip of an echo is believed before the whole probe, whichever comes first',
    series: [
      { name: 'probe_duration_seconds', values: [0.5, 0.5] },
      { name: 'probe_icmp_duration_seconds', labels: { ...GEO, phase: 'rtt' }, values: [0.001, 0.002] },
      { name: 'probe_icmp_duration_seconds', labels: { ...GEO, phase: 'setup' }, values: [0.1, 0.1] },
      { name: 'probe_duration_seconds', values: [0.5, 0.5] },
    ],
    feature: 'network_probe_ms',
    expected: [2],
  },
  {
    what: 'memory in use stands in where the working set is not known',
    series: [{ name: 'container_memory_usage_bytes', values: [1, 5] }],
    feature: 'memory_working_set_bytes',
    expected: [5],
  },
  {
    what: '…and not where it is, whichever comes first',
    series: [
      { name: 'container_memory_usage_bytes', values: [9, 9] },
      { name: 'container_memory_working_set_bytes', values: [2, 3] },
      { name: 'container_memory_usage_bytes', labels: { ...GEO, id: 'again' }, values: [9, 9] },
    ],
    feature: 'memory_working_set_bytes',
    expected: [3],
  },
  {
    what: 'failures are what did not succeed',
    series: [{ name: 'probe_success', values: [1, 0] }],
    feature: 'network_probe_failure_ratio',
    expected: [1],
  },
  {
    what: 'a busy host counts for the containers on it',
    series: [
      { name: 'container_memory_working_set_bytes', values: [1, 1] },
      ...['0', '1'].map((cpu) => ({
        name: 'node_cpu_seconds_total',
        labels: { instance: 'node-1:9100', cpu, mode: 'idle' },
        values: [0, cpu === '0' ? 9 : 3],
      })),
      {
        name: 'node_cpu_seconds_total',
        labels: { instance: 'node-2:9100', cpu: '0', mode: 'idle' },
        values: [0, 0],
      },
    ],
    feature: 'cpu_host_busy_ratio',
    expected: [0.4],
  },
  {
    what: 'without a label of the processor the modes say how many there are',
    series: [
      { name: 'container_memory_working_set_bytes', values: [1, 1] },
      { name: 'node_cpu_seconds_total', labels: { instance: 'node-1', mode: 'idle' }, values: [0, 15] },
      { name: 'node_cpu_seconds_total', labels: { instance: 'node-1', mode: 'user' }, values: [0, 5] },
    ],
    feature: 'cpu_host_busy_ratio',
    expected: [0.25],
  },
  {
    what: "the host's disk stands in where the container's own waiting is not known",
    series: [
      { name: 'container_memory_working_set_bytes', values: [1, 1] },
      { name: 'node_disk_io_time_seconds_total', labels: { instance: 'node-1:9100' }, values: [0, 4] },
    ],
    feature: 'disk_wait_ratio',
    expected: [0.4],
  },
  {
    what: '…and not where it is',
    series: [
      { name: 'container_pressure_io_waiting_seconds_total', values: [0, 1] },
      { name: 'node_disk_io_time_seconds_total', labels: { instance: 'node-1:9100' }, values: [0, 4] },
    ],
    feature: 'disk_wait_ratio',
    expected: [0.1],
  },
  {
    what: 'the pod itself and its pause container are nobody',
    series: [
      { name: 'container_memory_working_set_bytes', labels: { container: 'POD' }, values: [1, 1] },
      { name: 'container_memory_working_set_bytes', labels: { container: '' }, values: [1, 1] },
    ],
    feature: 'memory_working_set_bytes',
    expected: [],
  },
];

describe('exporter features', () => {
  for (const { what, series, feature, expected } of CASES) {
    it(what, () => {
      expect(valuesOf(rounds(series, 2)[1] ?? [], feature)).to.deep.equal(expected);
    });
  }

  it('a failed scrape spreads the increase over the time since the last one', () => {
    const found = rounds(
      [{ name: 'container_cpu_usage_seconds_total', values: [0, undefined, 10, 12] }],
      4,
    ).map((samples) => valuesOf(samples, 'cpu_usage_cores'));
    expect(found).to.deep.equal([[], [], [0.5], [0.2]]);
  });

  it('replicas stay apart', () => {
    const pods = ['geo-0', 'geo-1'].map((pod, at) => ({
      name: 'container_cpu_usage_seconds_total',
      labels: { ...GEO, pod },
      values: [0, 10 * (at + 1)],
    }));
    const samples = rounds(pods, 2)[1] ?? [];
    expect(samples.map(({ instance, value }) => [instance, value])).to.deep.equal([
      ['geo-0', 1],
      ['geo-1', 2],
    ]);
  });

  it('ignores and counts what is old or no number, and forgets what it has no room for', () => {
    const features = createExporterFeatures({ maxSeries: 2 });
    const at = (pod: string, timestampMs: number, value: number): ExporterReading => ({
      name: 'container_cpu_usage_seconds_total',
      labels: { ...GEO, pod },
      timestampMs,
      value,
    });
    features.read([at('a', T0, 1), at('b', T0, 1), at('c', T0, 1)]);
    expect(features.read([at('b', T0, 5), at('c', T0 - 1, 5), at('b', T0 + 1, Number.NaN)])).to.deep.equal(
      [],
    );
    expect(features.stats()).to.deep.equal({ series: 2, seriesEvicted: 1, readingsIgnored: 3 });
  });
});
