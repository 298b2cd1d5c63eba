import { expect } from 'chai';
import {
  type FeatureName,
  type LatencyStats,
  plainWindow,
  type ReplicaReading,
  type Window,
  WindowPacker,
} from '../src/index.js';

const features = (...entries: [FeatureName, number][]) => new Map(entries);
const stats = (p50Ms: number): LatencyStats => ({ p50Ms, p95Ms: 2 * p50Ms, p99Ms: 3 * p50Ms, count: 30 });
const reading = (latency: LatencyStats | undefined, ...entries: [FeatureName, number][]): ReplicaReading => ({
  latency,
  metrics: features(...entries),
});

const WINDOWS: readonly (readonly [string, Window])[] = [
  ['nothing', { startMs: 0, endMs: 30, latency: new Map(), metrics: new Map() }],
  [
    'a service',
    {
      startMs: 30,
      endMs: 60,
      latency: new Map([['server|a', stats(1)]]),
      metrics: new Map([['a', features(['cpu_usage_cores', 0.1])]]),
    },
  ],
  [
    'other nodes, services, features and replicas',
    {
      startMs: 60,
      endMs: 90,
      latency: new Map([
        ['server|b', stats(5)],
        ['client|b', stats(6)],
      ]),
      metrics: new Map([
        ['b', features(['disk_io_bytes_per_second', 7], ['cpu_usage_cores', Number.NaN])],
        ['c', features()],
      ]),
      replicas: new Map([
        [
          'b',
          new Map([
            ['b-0', reading(stats(4), ['cpu_usage_cores', 0])],
            ['b-1', reading(undefined, ['network_probe_ms', 3])],
          ]),
        ],
      ]),
    },
  ],
  [
    'one service less and one replica more',
    {
      startMs: 90,
      endMs: 120,
      latency: new Map([['client|b', { ...stats(0), meanMs: 0 }]]),
      metrics: new Map([['b', features(['cpu_usage_cores', 0.2])]]),
      replicas: new Map([
        ['b', new Map([['b-2', reading(stats(8))]])],
        ['a', new Map([['a-0', reading(undefined)]])],
      ]),
    },
  ],
];

describe('a packed window', () => {
  const packer = new WindowPacker();
  const packed = WINDOWS.map(([, window]) => packer.pack(window));
  WINDOWS.forEach(([what, window], i) => {
    it(`answers as the window did, with ${what}`, () => {
      expect(plainWindow(packed[i] as Window)).to.deep.equal(window);
      expect(plainWindow(new WindowPacker().pack(packed[i] as Window))).to.deep.equal(window);
    });
  });

  it('has of what only other windows have nothing', () => {
    const [, early, middle, late] = packed as [Window, Window, Window, Window];
    expect(early.latency.get('client|b')).to.equal(undefined);
    expect(early.latency.get('server|unheard of')).to.equal(undefined);
    expect(late.latency.has('server|a')).to.equal(false);
    expect(late.latency.size).to.equal(1);
    expect([...late.latency.keys()]).to.deep.equal(['client|b']);
    expect(early.metrics.get('a')?.get('network_probe_ms')).to.equal(undefined);
    expect(late.metrics.has('c')).to.equal(false);
    expect(middle.metrics.get('b')?.has('cpu_usage_cores')).to.equal(true);
    expect([...(middle.replicas?.get('b')?.keys() ?? [])]).to.deep.equal(['b-0', 'b-1']);
    expect(early.replicas).to.equal(undefined);
  });

  it('is the same whether names are shared or begun anew', () => {
    const long = new WindowPacker();
    const [, window] = WINDOWS[2] as (typeof WINDOWS)[number];
    for (let i = 0; i < 1_100; i++) {
      const [, other] = WINDOWS[i % WINDOWS.length] as (typeof WINDOWS)[number];
      long.pack(other);
      if (i % 100 === 0) expect(plainWindow(long.pack(window))).to.deep.equal(window);
    }
  });

  it('is sent to another thread as plain maps', () => {
    const sent = structuredClone(plainWindow(packed[2] as Window));
    expect(sent).to.deep.equal(WINDOWS[2]?.[1]);
  });

  it('is compared by what is in it', () => {
    const [one, other] = [5, 6].map(
      (p50Ms): Window => ({
        ...{ startMs: 0, endMs: 30, metrics: new Map() },
        latency: new Map([['server|a', stats(p50Ms)]]),
      }),
    ) as [Window, Window];
    const packer = new WindowPacker();
    expect(packer.pack(one)).to.deep.equal(one);
    expect(packer.pack(one)).to.deep.equal(new WindowPacker().pack(one));
    expect(packer.pack(one)).to.not.deep.equal(packer.pack(other));
  });
});
