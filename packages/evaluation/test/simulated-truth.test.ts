import { type Fault, type FaultCase, truthOf } from '@sage/simulator';
import { expect } from 'chai';
import { guiltyOf, suspectedOf, truthsOf } from '../src/suites/simulated-truth.js';

function caseOf(id: string, ...list: readonly [kind: Fault['kind'], service: string][]): FaultCase {
  const faults = list.map(([kind, service]) => ({ kind, service, startMs: 0, endMs: 60_000 }) as Fault);
  return { id, startMs: 0, endMs: 60_000, faults, truths: faults.flatMap(truthOf) } as FaultCase;
}

const BEFORE = caseOf('before', ['cpu', 'cache']);
const ONE = caseOf('one', ['disk', 'store']);
const TWO = caseOf('two', ['disk', 'store'], ['network-delay', 'front']);

describe('which faults break an objective', () => {
  const CASES: readonly {
    readonly name: string;
    readonly item: FaultCase;
    readonly earlier?: FaultCase;
    /** Services whose fault breaks it in a run of its own. */
    readonly alone: readonly string[];
    readonly guilty: readonly string[];
  }[] = [
    { name: 'the only one there is', item: ONE, alone: [], guilty: ['store disk'] },
    { name: 'of two the one that does so alone', item: TWO, alone: ['front'], guilty: ['front network'] },
    {
      name: 'both, where each does',
      item: TWO,
      alone: ['store', 'front'],
      guilty: ['store disk', 'front network'],
    },
    {
      name: 'both, where only both together do',
      item: TWO,
      alone: [],
      guilty: ['store disk', 'front network'],
    },
    {
      name: 'the one before alone, where it left too much to do',
      item: ONE,
      earlier: BEFORE,
      alone: ['cache'],
      guilty: ['cache null'],
    },
    {
      name: 'the one before, too',
      item: ONE,
      earlier: BEFORE,
      alone: ['cache', 'store'],
      guilty: ['cache null', 'store disk'],
    },
    { name: 'its own, where neither does', item: ONE, earlier: BEFORE, alone: [], guilty: ['store disk'] },
    {
      name: 'one service once, with the resource of what it suffers now',
      item: ONE,
      earlier: caseOf('before', ['cpu', 'store']),
      alone: ['store'],
      guilty: ['store disk'],
    },
  ];
  for (const { name, item, earlier, alone, guilty } of CASES) {
    it(`${name}: ${guilty.join(', ')}`, async () => {
      const asked: string[] = [];
      const found = await guiltyOf(item, {
        earlier: earlier === undefined ? [] : suspectedOf(earlier),
        breaksAlone: async ({ fault }) => {
          asked.push(fault.service);
          return alone.includes(fault.service);
        },
      });
      const truths = truthsOf(found, item).map(({ service, resource }) => `${service} ${resource}`);
      expect(truths).to.deep.equal(guilty);
      // A run for each of several, and none where there is nothing to tell apart.
      const several = earlier !== undefined || item.faults.length > 1;
      expect(asked.length).to.equal(several ? item.faults.length + (earlier?.faults.length ?? 0) : 0);
    });
  }
});
