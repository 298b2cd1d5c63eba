import { expect } from 'chai';
import { RecentMap } from '../src/recent-map.js';

describe('RecentMap', () => {
  const remembered = (map: RecentMap<number, boolean>, upTo: number) =>
    Array.from({ length: upTo }, (_, key) => key).filter((key) => map.get(key) !== undefined);

  it('remembers at least half of its bound, the latest, and never more than its bound', () => {
    const map = new RecentMap<number, boolean>(10);
    for (let key = 0; key < 100; key++) {
      map.set(key, key % 2 === 0);
      const keys = remembered(map, 100);
      expect(keys.length).to.be.within(Math.min(key + 1, 5), 10);
      expect(keys).to.deep.equal(keys.map((_, place) => key + 1 - keys.length + place));
    }
    expect([map.get(99), map.get(98)]).to.deep.equal([false, true]);
  });

  it('holds the latest value of a key, which is then among the latest', () => {
    const map = new RecentMap<number, boolean>(4);
    map.set(0, false);
    for (const key of [1, 2, 0, 3]) map.set(key, true);
    expect(map.get(0)).to.equal(true);
    expect(map.get(1)).to.equal(undefined);
  });

  it('costs the same however many entries have left', () => {
    const map = new RecentMap<string, boolean>(20_000);
    const secondsFor = (from: number) => {
      const began = process.cpuUsage();
      for (let key = from; key < from + 20_000; key++) map.set(`trace ${key}`, true);
      return process.cpuUsage(began).user / 1e6;
    };
    const first = secondsFor(0);
    let worst = 0;
    for (let from = 20_000; from < 200_000; from += 20_000) worst = Math.max(worst, secondsFor(from));
    // Walking over what left would take seconds.
    expect(worst).to.be.below(20 * first + 0.1);
  });
});
