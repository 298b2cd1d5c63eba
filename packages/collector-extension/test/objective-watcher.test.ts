import { type Objective, objectiveNode, type Window } from '@sage/core';
import { expect } from 'chai';
import { ObjectiveWatcher, type ObjectiveWatcherOptions } from '../src/index.js';

const objective: Objective = {
  name: 'front-p99',
  service: 'front',
  operation: 'GET /',
  percentile: 'p99Ms',
  thresholdMs: 50,
};

/** Window number `slide`: 30 seconds long, one every 10; p99 as given, undefined for no request. */
function window(slide: number, p99Ms: number | undefined, of: Objective = objective): Window {
  const stats =
    p99Ms === undefined ? [] : [[objectiveNode(of), { p50Ms: 1, p95Ms: 2, p99Ms, count: 9 }] as const];
  return {
    startMs: slide * 10_000,
    endMs: slide * 10_000 + 30_000,
    latency: new Map(stats),
    metrics: new Map(),
  };
}

/** `o`k, `x` broken, `=` at the threshold, `.` without requests → what happened: `B`roken, `R`estored, `.` nothing. */
function play(windows: string, options?: ObjectiveWatcherOptions): string {
  const watcher = new ObjectiveWatcher(options);
  const p99: Record<string, number> = { o: 10, '=': 50, x: 51 };
  return [...windows]
    .map((sign, slide) => watcher.observe(window(slide, p99[sign]), [objective])[0])
    .map((event) => (event === undefined ? '.' : event.kind === 'broken' ? 'B' : 'R'))
    .join('');
}

describe('ObjectiveWatcher', () => {
  const timelines: [name: string, seen: string, events: string, options?: ObjectiveWatcherOptions][] = [
    ['holds', 'ooo=o', '.....'],
    ['one bad window is not enough', 'oxoxo', '.....'],
    ['broken at the second in a row, and told once', 'oxxxx', '..B..'],
    ['restored at the second good one in a row', 'xxoooo', '.B.R..'],
    ['one good window between bad ones restores nothing', 'xxoxoxoo', '.B.....R'],
    ['windows without requests do not interrupt', 'x.x', '..B'],
    ['nor do they count', 'xx...o..o', '.B......R'],
    ['nor do they alone restore', 'xx.....', '.B.....'],
    ['exactly at the threshold holds', 'xx==', '.B.R'],
    ['breaks again', 'xxooxx', '.B.R.B'],
    ['one window each', 'oxo', '.BR', { brokenWindows: 1, restoredWindows: 1 }],
    ['three and one', 'xxxo', '..BR', { brokenWindows: 3, restoredWindows: 1 }],
  ];
  for (const [name, seen, events, options] of timelines) {
    it(`${name}: ${seen}`, () => {
      expect(play(seen, options)).to.equal(events);
    });
  }

  it('says since when, from the first window of the row', () => {
    const watcher = new ObjectiveWatcher();
    const events = [window(0, 10), window(1, 70), window(2, 80)].flatMap((w) =>
      watcher.observe(w, [objective]),
    );
    expect(events).to.have.length(1);
    expect(events[0]).to.deep.include({ kind: 'broken', objective, atMs: 50_000, sinceMs: 10_000 });
    expect(events[0]?.reading).to.deep.equal({ observedMs: 80, requestsPerSecond: 0.3, broken: true });
  });

  it('judges each objective by itself, and forgets those that are gone', () => {
    const other: Objective = { ...objective, name: 'other', thresholdMs: 500 };
    const watcher = new ObjectiveWatcher({ brokenWindows: 1 });
    const names = (slide: number, p99Ms: number, list: Objective[]) =>
      watcher.observe(window(slide, p99Ms), list).map((e) => `${e.objective.name} ${e.kind}`);
    expect(names(0, 100, [objective, other])).to.deep.equal(['front-p99 broken']);
    expect(watcher.isBroken(objective)).to.equal(true);
    expect(watcher.isBroken(other)).to.equal(false);
    expect(names(1, 100, [other])).to.deep.equal([]);
    expect(watcher.isBroken(objective)).to.equal(false);
    expect(names(2, 100, [objective])).to.deep.equal(['front-p99 broken']);
  });

  for (const value of [0, -1, 1.5, Number.NaN]) {
    it(`refuses ${value} windows`, () => {
      expect(() => new ObjectiveWatcher({ brokenWindows: value })).to.throw(RangeError, 'brokenWindows');
      expect(() => new ObjectiveWatcher({ restoredWindows: value })).to.throw(RangeError, 'restoredWindows');
    });
  }
});
