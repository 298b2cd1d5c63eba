import type { FeatureName, Window } from '@sage/core';
import { expect } from 'chai';
import { type ChosenColumns, WindowColumns } from '../src/window-columns.js';

const NODE = 'server|x>cart:/';

const at = (index: number, features: readonly (readonly [FeatureName, number])[] = []): Window => ({
  startMs: index,
  endMs: index + 1,
  latency: new Map([[NODE, { p50Ms: index, p95Ms: 2 * index, p99Ms: 3 * index, count: 1 }]]),
  metrics: new Map([['cart', new Map([['cpu_usage_cores', index] as const, ...features])]]),
});

/** All features of the service, copied. */
const features = (chosen: ChosenColumns, service = 'cart'): ReadonlyMap<FeatureName, readonly number[]> => {
  const read = new Map<FeatureName, readonly number[]>();
  chosen.eachFeature(service, (feature, values) => read.set(feature, [...values]));
  return read;
};

const usage = (chosen: ChosenColumns): readonly number[] => features(chosen).get('cpu_usage_cores') ?? [];

describe('columns of windows', () => {
  const windows = Array.from({ length: 12 }, (_, i) => at(i));

  it('has values in the order of the windows asked for', () => {
    const columns = new WindowColumns(12);
    const chosen = columns.of([windows[3], windows[1], windows[2]] as Window[]);
    expect(usage(chosen)).to.deep.equal([3, 1, 2]);
    expect([...chosen.latency(NODE, 'p95Ms')]).to.deep.equal([6, 2, 4]);
    expect([...chosen.latency('unknown', 'p95Ms')]).to.deep.equal([]);
    expect(features(chosen, 'unknown').size).to.equal(0);
  });

  it('reads right whatever came and went before', () => {
    const columns = new WindowColumns(5);
    for (let first = 0; first + 5 <= windows.length; first++) {
      const some = windows.slice(first, first + 5);
      expect(usage(columns.of(some))).to.deep.equal(some.map(({ startMs }) => startMs));
    }
    expect(usage(columns.of(windows.slice(0, 3)))).to.deep.equal([0, 1, 2]);
  });

  it('keeps what was chosen right when others are asked for in between', () => {
    const columns = new WindowColumns(4);
    const chosen = columns.of(windows.slice(0, 4));
    expect(usage(chosen)[0]).to.equal(0);
    expect(usage(columns.of(windows.slice(4, 8)))).to.deep.equal([4, 5, 6, 7]);
    expect(usage(chosen)).to.deep.equal([0, 1, 2, 3]);
  });

  it('leaves nothing of a window that has gone where another has no such feature', () => {
    const columns = new WindowColumns(1);
    features(columns.of([at(1, [['disk_wait_ratio', 0.5]])]));
    expect(features(columns.of([at(2)])).get('disk_wait_ratio')).to.deep.equal([]);
  });

  it('leaves out what is not finite', () => {
    const chosen = new WindowColumns(2).of([at(1, [['disk_wait_ratio', Number.NaN]]), at(2)]);
    expect(features(chosen).has('disk_wait_ratio')).to.equal(false);
  });

  it('reads each window once', () => {
    let reads = 0;
    const window = at(1);
    const counted: Window = {
      ...window,
      get metrics() {
        reads++;
        return window.metrics;
      },
    };
    const columns = new WindowColumns(2);
    for (let i = 0; i < 3; i++) features(columns.of([counted, at(2 + i)]));
    expect(reads).to.equal(1);
  });

  it('refuses more windows than it has rows', () => {
    expect(() => new WindowColumns(2).of(windows)).to.throw(RangeError, '12 windows');
  });
});
