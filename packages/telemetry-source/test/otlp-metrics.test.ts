import type { MetricSample } from '@sage/core';
import {
  createMetricFeatures,
  decodeMetricsJson,
  decodeMetricsProtobuf,
  isFeatureMetric,
  type MetricFeatures,
} from '@sage/telemetry-source';
import { expect } from 'chai';
import fc from 'fast-check';
import { encode, metricsJson, nanos, text } from './otlp-fixtures.js';

const DECODERS = {
  protobuf: (request: object) => decodeMetricsProtobuf(encode('MetricsRequest', request), isFeatureMetric),
  json: (request: object) => decodeMetricsJson(Buffer.from(JSON.stringify(request)), isFeatureMetric),
};

const T0 = 1_700_000_000_000;
const DELTA = 1;
const CUMULATIVE = 2;

function pool(name: string): readonly object[] {
  return [text('db.client.connection.pool.name', name)];
}

function gauge(name: string, unit: string, atMs: number, asDouble: number): object {
  return { name, unit, gauge: { dataPoints: [{ timeUnixNano: nanos(atMs), asDouble }] } };
}

interface Histogram {
  readonly pool?: string;
  readonly temporality?: number;
  readonly startMs?: number;
  readonly atMs: number;
  readonly count: number;
  readonly sum: number;
}

function waits(points: readonly Histogram[], name = 'db.client.connection.wait_time', unit = 's'): object {
  return {
    name,
    unit,
    histogram: {
      aggregationTemporality: points[0]?.temporality ?? CUMULATIVE,
      dataPoints: points.map((point) => ({
        attributes: pool(point.pool ?? 'main'),
        startTimeUnixNano: nanos(point.startMs ?? T0),
        timeUnixNano: nanos(point.atMs),
        count: String(point.count),
        sum: point.sum,
        bucketCounts: ['1', '2'],
        explicitBounds: [1],
      })),
    },
  };
}

function sums(name: string, values: Record<string, number>, atMs: number, options: object = {}): object {
  const dataPoints = Object.entries(values).map(([key, value]) => ({
    attributes: pool(key),
    startTimeUnixNano: nanos(T0),
    timeUnixNano: nanos(atMs),
    asInt: String(value),
  }));
  return { name, sum: { aggregationTemporality: CUMULATIVE, isMonotonic: false, dataPoints, ...options } };
}

function feed(
  features: MetricFeatures,
  decoder: keyof typeof DECODERS,
  request: object,
): readonly MetricSample[] {
  const decoded = DECODERS[decoder](request);
  if (!decoded.ok) throw new Error(decoded.message);
  const { samples, commit } = features.read(decoded.value.points);
  commit();
  return samples;
}

for (const decoder of ['protobuf', 'json'] as const) {
  describe(`OTLP metrics in ${decoder}`, () => {
    const timelines: readonly (readonly [
      string,
      readonly object[],
      readonly (readonly (readonly [string, number])[])[],
    ])[] = [
      [
        'the lag of the event loop, in seconds',
        [gauge('nodejs.eventloop.delay.p99', 's', T0, 0.012)],
        [[['software_event_loop_lag_ms', 12]]],
      ],
      [
        'the same in nanoseconds',
        [gauge('nodejs.eventloop.delay.p99', 'ns', T0, 12e6)],
        [[['software_event_loop_lag_ms', 12]]],
      ],
      [
        'requests pending, added over pools',
        [sums('db.client.connection.pending_requests', { a: 2, b: 3 }, T0)],
        [[['software_pool_pending', 5]]],
      ],
      [
        'requests pending as changes, added up',
        [
          sums('db.client.connection.pending_requests', { a: 2 }, T0, { aggregationTemporality: DELTA }),
          sums('db.client.connection.pending_requests', { a: -1 }, T0 + 1000, {
            aggregationTemporality: DELTA,
          }),
        ],
        [[['software_pool_pending', 2]], [['software_pool_pending', 1]]],
      ],
      [
        'waits of a cumulative histogram from the second point on',
        [
          waits([{ atMs: T0 + 1000, count: 10, sum: 1 }]),
          waits([{ atMs: T0 + 2000, count: 20, sum: 1.5 }]),
          waits([{ atMs: T0 + 3000, count: 20, sum: 1.5 }]),
        ],
        [[], [['software_pool_wait_ms', 50]], []],
      ],
      [
        'waits of a sender that began again',
        [
          waits([{ atMs: T0 + 1000, count: 10, sum: 1 }]),
          waits([{ startMs: T0 + 1500, atMs: T0 + 2000, count: 2, sum: 0.2 }]),
        ],
        [[], [['software_pool_wait_ms', 100]]],
      ],
      [
        'a cumulative point that comes twice',
        [waits([{ atMs: T0 + 1000, count: 10, sum: 1 }]), waits([{ atMs: T0 + 1000, count: 10, sum: 1 }])],
        [[], []],
      ],
      [
        'waits of a delta histogram: the slowest pool',
        [
          waits([
            { pool: 'a', temporality: DELTA, atMs: T0, count: 10, sum: 0.1 },
            { pool: 'b', temporality: DELTA, atMs: T0, count: 2, sum: 0.3 },
            { pool: 'c', temporality: DELTA, atMs: T0, count: 0, sum: 0 },
          ]),
        ],
        [[['software_pool_wait_ms', 150]]],
      ],
      [
        'waits under their old name, in milliseconds',
        [
          waits(
            [{ temporality: DELTA, atMs: T0, count: 2, sum: 30 }],
            'db.client.connections.wait_time',
            'ms',
          ),
        ],
        [[['software_pool_wait_ms', 15]]],
      ],
      [
        "Sage's own names as they are",
        [gauge('sage.cpu_throttled_ratio', '', T0, 0.25)],
        [[['cpu_throttled_ratio', 0.25]]],
      ],
      [
        'a counter as a rate',
        [
          sums('sage.memory_major_faults_per_second', { a: 10 }, T0, { isMonotonic: true }),
          sums('sage.memory_major_faults_per_second', { a: 30 }, T0 + 4000, { isMonotonic: true }),
        ],
        [[], [['memory_major_faults_per_second', 5]]],
      ],
      [
        'names that are no features',
        [gauge('sage.mood', '', T0, 1), gauge('http.server.duration', 's', T0, 1)],
        [[], []],
      ],
    ];
    for (const [what, metrics, expected] of timelines) {
      it(`reads ${what}`, () => {
        const features = createMetricFeatures();
        const got = metrics.map((metric) =>
          feed(features, decoder, metricsJson([metric])).map(({ feature, value }) => [feature, round(value)]),
        );
        expect(got).to.deep.equal(expected);
      });
    }

    it('says whose and when', () => {
      const request = metricsJson([gauge('sage.network_probe_ms', 'ms', T0, 3)], 'a>b');
      expect(feed(createMetricFeatures(), decoder, request)).to.deep.equal([
        { service: 'a_b', instance: 'a', feature: 'network_probe_ms', timestampMs: T0, value: 3 },
      ]);
    });

    it('keeps replicas apart', () => {
      const features = createMetricFeatures();
      const at = (atMs: number, count: number, sum: number) => waits([{ atMs, count, sum }]);
      feed(features, decoder, metricsJson([at(T0 + 1, 1, 1)], 'cart', 'a'));
      expect(feed(features, decoder, metricsJson([at(T0 + 2, 9, 9)], 'cart', 'b'))).to.deep.equal([]);
      expect(features.stats().series).to.equal(2);
    });

    it('rejects points without time or value, and takes their neighbours', () => {
      const decoded = DECODERS[decoder](
        metricsJson([
          gauge('sage.network_probe_ms', 'ms', 0, 3),
          { name: 'sage.network_probe_ms', gauge: { dataPoints: [{ timeUnixNano: nanos(T0) }] } },
          gauge('sage.network_probe_ms', 'ms', T0, 4),
        ]),
      );
      if (!decoded.ok) throw new Error(decoded.message);
      expect(Object.fromEntries(decoded.value.rejected)).to.deep.equal({ bad_time: 1, bad_value: 1 });
      expect(decoded.value.points).to.have.length(1);
    });
  });
}

describe('OTLP metric features', () => {
  it('keep no more series than allowed, and forget the longest unheard of', () => {
    const features = createMetricFeatures({ maxSeries: 2 });
    const at = (name: string, atMs: number) =>
      feed(features, 'json', metricsJson([waits([{ pool: name, atMs, count: atMs - T0, sum: atMs - T0 }])]));
    at('a', T0 + 1);
    at('b', T0 + 1);
    at('a', T0 + 2);
    at('c', T0 + 3);
    expect(features.stats()).to.deep.equal({ series: 2, seriesEvicted: 1 });
    expect(at('a', T0 + 4)).to.have.length(1);
    expect(at('b', T0 + 4)).to.have.length(0);
  });

  it('read the same again when a reading was not committed', () => {
    const features = createMetricFeatures();
    feed(features, 'json', metricsJson([waits([{ atMs: T0 + 1, count: 1, sum: 1 }])]));
    const decoded = DECODERS.json(metricsJson([waits([{ atMs: T0 + 2, count: 2, sum: 4 }])]));
    if (!decoded.ok) throw new Error(decoded.message);
    const refused = features.read(decoded.value.points).samples;
    expect(refused.map(({ value }) => value)).to.deep.equal([3000]);
    expect(features.read(decoded.value.points).samples).to.deep.equal(refused);
  });
});

describe('OTLP metrics, malformed', () => {
  const whole = encode(
    'MetricsRequest',
    metricsJson([waits([{ atMs: T0, count: 1, sum: 1 }]), gauge('sage.network_probe_ms', 'ms', T0, 3)]),
  );

  it('are refused at every truncation', () => {
    for (let length = 1; length < whole.length; length++) {
      const decoded = decodeMetricsProtobuf(whole.subarray(0, length), isFeatureMetric);
      expect(decoded.ok, `${length} bytes`).to.equal(false);
    }
  });

  it('never throw: random bytes, changed bytes, any JSON', () => {
    const settled = (decoded: { ok: boolean }) => expect(decoded.ok).to.be.a('boolean');
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        settled(decodeMetricsProtobuf(Buffer.from(bytes), () => true));
      }),
      { numRuns: 1000, seed: 1 },
    );
    fc.assert(
      fc.property(fc.nat(whole.length - 1), fc.nat(255), (at, byte) => {
        const body = Buffer.from(whole);
        body[at] = byte;
        const decoded = decodeMetricsProtobuf(body, () => true);
        settled(decoded);
        if (decoded.ok) createMetricFeatures().read(decoded.value.points);
      }),
      { numRuns: 2000, seed: 2 },
    );
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 3 }), (value) => {
        const metrics = [
          { name: 'sage.network_probe_ms', unit: value, sum: value, gauge: { dataPoints: value } },
        ];
        settled(decodeMetricsJson(Buffer.from(JSON.stringify(metricsJson(metrics))), () => true));
        settled(decodeMetricsJson(Buffer.from(JSON.stringify(value)), () => true));
      }),
      { numRuns: 500, seed: 3 },
    );
  });
});

function round(value: number): number {
  return Math.round(value * 1e9) / 1e9;
}
