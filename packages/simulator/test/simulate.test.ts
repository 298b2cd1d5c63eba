import { createExporterFeatures } from '@sage/telemetry-source';
import { expect } from 'chai';
import { loadTopology, type SimulationOptions, simulate, TOPOLOGY_NAMES } from '../src/index.js';
import { application, call, lastValue, run, store } from './support/run.js';

const social = loadTopology('social-network');
const minute: SimulationOptions = { durationMs: 60_000, requestsPerSecond: 50 };

describe('simulate', () => {
  it('gives the same batches again from the same seed, and others from another', () => {
    const options = { ...minute, durationMs: 10_000, startMs: 1_700_000_000_000, sampling: 0.5 };
    const batches = (seed: number) => JSON.stringify([...simulate(social, { ...options, seed })]);
    const first = batches(3);
    expect(batches(3)).to.equal(first);
    expect(batches(4)).not.to.equal(first);
  });

  it('tells the depths of queues when asked, as Little has them: rate times time, and changes nothing else', () => {
    const small = application(
      { front: { cpu_ms: 1, cores: 8 }, back: { cpu_ms: 20, cores: 8 } },
      { get: call('back', { local: null }) },
    );
    const options: SimulationOptions = { durationMs: 300_000, requestsPerSecond: 40, steady: true };
    const plain = [...simulate(small, options)];
    const watched = [...simulate(small, { ...options, queueDepths: true })];
    expect(plain.every(({ queueDepths }) => queueDepths === undefined)).to.equal(true);
    expect(watched.map(({ queueDepths: _, ...batch }) => batch)).to.deep.equal(
      plain.map(({ queueDepths: _, ...batch }) => batch),
    );
    const mean = (service: number) =>
      watched.reduce((sum, { queueDepths }) => sum + (queueDepths?.[service] ?? Number.NaN), 0) /
      watched.length;
    const { totals, spans } = run(small, options);
    expect(mean(0)).to.be.closeTo((totals.completed / 300_000) * totals.meanLatencyMs, 0.05);
    const calls = spans.filter(({ kind }) => kind === 'client');
    const callsMs = calls.reduce((sum, { durationUs }) => sum + durationUs / 1000, 0);
    expect(mean(1)).to.be.closeTo(callsMs / 300_000, 0.05);
  });

  it('does the same work however much of it is traced', () => {
    const none = run(social, { ...minute, durationMs: 30_000, sampling: 0 });
    const all = run(social, { ...minute, durationMs: 30_000, sampling: 1 });
    expect(none.spans).to.have.length(0);
    expect(all.readings).to.deep.equal(none.readings);
    expect(all.totals).to.deep.equal(none.totals);
  });

  for (const name of TOPOLOGY_NAMES) {
    it(`${name}: loses nothing and has every span within its parent`, () => {
      const { spans, totals } = run(loadTopology(name), { ...minute, durationMs: 10_000 });
      expect(totals.arrived).to.equal(totals.completed + totals.refused + totals.underWay);
      expect(totals.refused + totals.failed).to.equal(0);
      expect(totals.underWay).to.be.below(5);
      const byId = new Map(spans.map((span) => [span.spanId, span]));
      expect(byId.size).to.equal(spans.length);
      const endMs = Math.max(...spans.map(({ startUs, durationUs }) => startUs + durationUs)) / 1000;
      const wrong = spans.filter((span) => {
        const parent = span.parentSpanId === undefined ? undefined : byId.get(span.parentSpanId);
        // A parent that ended just now is still on its way.
        if (parent === undefined)
          return span.parentSpanId !== undefined && span.startUs / 1000 < endMs - 3000;
        const inside =
          span.startUs >= parent.startUs &&
          span.startUs + span.durationUs <= parent.startUs + parent.durationUs;
        return span.traceId !== parent.traceId || !inside;
      });
      expect(wrong).to.deep.equal([]);
      const roots = spans.filter(({ parentSpanId }) => parentSpanId === undefined).length;
      expect(roots).to.be.within(0.75 * totals.completed, totals.completed);
    });
  }

  it('counts in its exporters what was done', () => {
    const shop = application(
      {
        front: { cpu_ms: 2, after_ms: 1 },
        cart: { cpu_ms: 3 },
        db: { cpu_ms: 1, disk_ms: 2, disk_share: 1, jaeger_service: null },
      },
      { get: call('cart', { par: [store('db'), store('db')] }) },
    );
    const done = run(shop, { ...minute, durationMs: 150_000, requestsPerSecond: 80 });
    const cores = { front: 0.24, cart: 0.24, db: 0.16 };
    const features = createExporterFeatures();
    const samples = features.read(done.readings.filter(({ timestampMs }) => timestampMs < 10_000));
    expect(samples.filter(({ feature }) => feature === 'cpu_usage_cores')).to.deep.equal([]);
    for (const [service, expected] of Object.entries(cores)) {
      const used = lastValue(done, 'container_cpu_usage_seconds_total', service) / 150;
      expect(used / expected, service).to.be.within(0.86, 1.06);
    }
    const written = lastValue(done, 'container_fs_writes_bytes_total', 'db') / 16_384;
    expect(written / (2 * done.totals.completed)).to.be.within(0.9, 1);
    const bytes = (name: string, service: string) =>
      lastValue(done, `container_network_${name}_bytes_total`, service);
    // Two requests of 700 bytes in, two replies of a service of its kind out.
    expect(bytes('receive', 'db') / (2 * 700 * done.totals.completed)).to.be.within(0.9, 1.02);
    expect(bytes('transmit', 'cart')).to.be.above(bytes('receive', 'db'));
  });

  it('sends series that the exporters’ rules understand, for every feature they can tell of', () => {
    const features = createExporterFeatures();
    const found = new Set<string>();
    for (const { readings } of simulate(social, { ...minute })) {
      for (const { feature, service, instance } of features.read(readings)) {
        found.add(feature);
        expect(instance).to.equal(`${service}-0`);
      }
    }
    expect([...found].sort()).to.deep.equal([
      'cpu_host_busy_ratio',
      'cpu_pressure_ratio',
      'cpu_runqueue_wait_ratio',
      'cpu_throttled_ratio',
      'cpu_usage_cores',
      'disk_io_bytes_per_second',
      'disk_wait_ratio',
      'llc_misses_per_second',
      'llc_occupancy_bytes',
      'memory_major_faults_per_second',
      'memory_pressure_ratio',
      'memory_working_set_bytes',
      'network_probe_failure_ratio',
      'network_probe_ms',
      'network_receive_bytes_per_second',
      'network_transmit_bytes_per_second',
      'software_pool_pending',
      'software_pool_wait_ms',
    ]);
  });

  it('tells of no resources of services without exporters', () => {
    const services = ({ readings }: ReturnType<typeof run>) =>
      new Set(readings.flatMap(({ labels }) => labels.container ?? [])).size;
    const half = services(run(social, { ...minute, uninstrumented: 0.5 }));
    expect(services(run(social, minute))).to.equal(22);
    expect(half).to.be.within(6, 16);
  });

  it('refuses a fault of a service that is not there', () => {
    const fault = { kind: 'cpu', service: 'shop', startMs: 0, endMs: 1, intensity: 1 } as const;
    expect(() => simulate(social, { ...minute, faults: [fault] }).next()).to.throw(
      RangeError,
      /no service "shop"/,
    );
  });
});
