import { expect } from 'chai';
import { type Action, actionWords, measured, measurementName, milliseconds, percent } from '../src/index.js';

describe('words', () => {
  const readings: [number, string, string, string][] = [
    [0.81, '1', 'cpu_throttled_ratio', '81 %'],
    [0.003, '1', 'cpu_throttled_ratio', '< 1 %'],
    [0.997, '1', 'cpu_throttled_ratio', '> 99 %'],
    [3.456, '1', 'software_pool_pending', '3.46'],
    [102_013, 'By', 'network_backlog_bytes', '102 kB'],
    [2_500_000, 'By/s', 'network_receive_bytes_per_second', '2.5 MB/s'],
    [4200, '1/s', 'llc_misses_per_second', '4200/s'],
    [1.25, 'cores', 'cpu_usage_cores', '1.25 cores'],
    [0.42, 'ms', 'network_probe_ms', '0.4 ms'],
    [Number.NaN, 'ms', 'network_probe_ms', '–'],
  ];
  for (const [value, unit, name, text] of readings) {
    it(`${name} ${value} ${unit} is “${text}”`, () => expect(measured(value, unit, name)).to.equal(text));
  }

  const times: [number | undefined, string][] = [
    [4.24, '4.2 ms'],
    [73.4, '73 ms'],
    [1250, '1.25 s'],
    [12_340, '12.3 s'],
    [undefined, '–'],
  ];
  for (const [value, text] of times) {
    it(`${value} ms is “${text}”`, () => expect(milliseconds(value)).to.equal(text));
  }

  it('never rounds a chance to certainty', () =>
    expect([0, 0.001, 0.5, 0.999, 1].map(percent)).to.deep.equal([
      '0 %',
      '< 1 %',
      '50 %',
      '> 99 %',
      '100 %',
    ]));

  const names: [string, string][] = [
    ['cpu_runqueue_wait_ratio', 'cpu runqueue wait'],
    ['server|frontend>search:Nearby', 'time in search (Nearby)'],
    ['request|frontend>search:Nearby', 'the way from frontend to search (Nearby)'],
    ['response|frontend>search:Nearby', 'the way from search back to frontend (Nearby)'],
    ['client|rate>memcached-rate:get', 'memcached-rate as seen by rate (get)'],
    ['replica|geo-1', 'time in replica geo-1 against the others'],
    [
      'replica|a b:c>d_ratio|cpu_throttled_ratio',
      'cpu throttled in replica a b:c>d_ratio against the others',
    ],
  ];
  for (const [name, text] of names) it(name, () => expect(measurementName(name)).to.equal(text));

  const actions: [Action, string][] = [
    [{ kind: 'cpu-quota', target: 'rate', cores: 1 }, 'rate may use 1 core'],
    [
      { kind: 'cpu-frequency', target: 'rate', minKhz: 2.4e6 },
      'the processor of rate runs at 2.4 GHz or more',
    ],
    [{ kind: 'limit-corunner', target: 'rate', pids: [1, 2] }, '2 processes beside rate are held back'],
    [{ kind: 'llc-ways', target: 'rate', ways: 8 }, 'rate has 8 ways of the last-level cache to itself'],
    [{ kind: 'link-rate', target: 'rate', mbitPerSecond: 1000 }, 'the link of rate carries 1000 Mbit/s'],
    [{ kind: 'link-delay', target: 'rate', delayMs: 0 }, 'the link of rate is back to a delay of 0 ms'],
    [
      { kind: 'pool-size', target: 'rate', pool: 'mongodb-rate', size: 32 },
      'the pool mongodb-rate of rate has 32 connections',
    ],
  ];
  for (const [action, text] of actions) {
    it(action.kind, () => expect(actionWords(action)).to.equal(text));
  }
});
