import { cpSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Verdict } from '@sage/core';
import { expect } from 'chai';
import type { Parts } from '../src/parts.js';
import { type Cluster, planning } from './cluster.js';
import { fakeBlame, post, settled, tempDir, webhook } from './support.js';
import { BAD, CART, GOOD, SCALE, type Timeline, timelinesOfEachTest, tooMuch } from './timeline.js';

const DB = { target: 'db', cpuWeight: { current: 100, max: 10_000 } };

describe('release', () => {
  const suite = timelinesOfEachTest();
  const { start, done } = suite;
  let cluster: Cluster;
  beforeEach(() => {
    cluster = suite.cluster;
  });

  /** Two rungs were needed. */
  const recovered = async (...how: Parameters<typeof start>) => {
    const at = await start(...how);
    await at.breakDown();
    await at.slides(8, BAD);
    expect(cluster.log).to.have.length(2);
    await at.slides(4, GOOD);
    expect(at.incidents.map(({ status }) => status)).to.deep.equal(['closed']);
    return at;
  };

  it('is one action for ten clean windows, the newest first', async () => {
    const at = await recovered();
    await at.windows(7, GOOD);
    expect(done()).to.have.length(2);
    await at.windows(1, GOOD);
    expect(done().slice(2)).to.deep.equal(['n1 released cpu-quota of cart 2']);
    await at.windows(9, GOOD);
    expect(done()).to.have.length(3);
    await at.windows(2, GOOD);
    expect(done().slice(3)).to.deep.equal(['n1 released cpu-weight of cart 200']);
    expect(cluster.targets.get('n1')).to.deep.equal([CART]);
  });

  it('is taken back if the objective breaks without it, and waits twice as long the next time', async () => {
    const at = await recovered();
    await at.windows(8, GOOD);
    expect(done().slice(2)).to.deep.equal(['n1 released cpu-quota of cart 2']);
    const diagnosed = at.rig.diagnoses();
    // An incident with the second, which the diagnosis of the third shall tell about.
    await at.slides(2, BAD);
    expect(at.incidents).to.have.length(2);
    expect(done()).to.have.length(3);
    await at.slides(1, BAD);
    expect(at.rig.diagnoses()).to.equal(diagnosed + 1);
    expect(done().slice(3)).to.deep.equal(['n1 applied cpu-quota of cart 2']);
    await at.slides(3, GOOD);
    expect(at.incidents.map(({ status }) => status)).to.deep.equal(['closed', 'closed']);
    expect(at.incidents[0]?.timeline.map(({ text }) => text)).to.include(
      'cpu-quota of cart on n1: front broke without it',
    );
    await at.windows(15, GOOD);
    expect(done()).to.have.length(4);
    await at.windows(6, GOOD);
    expect(done().slice(4)).to.deep.equal(['n1 released cpu-quota of cart 2']);
    await at.windows(21, GOOD);
    expect(done().slice(5)).to.deep.equal(['n1 released cpu-weight of cart 200']);
  });

  it('goes on, where what comes back does not help, with a new diagnosis and the next rung', async () => {
    const at = await recovered();
    await at.windows(8, GOOD);
    await at.slides(14, BAD);
    expect(done().slice(2, 5)).to.deep.equal([
      'n1 released cpu-quota of cart 2',
      'n1 applied cpu-quota of cart 2',
      'n1 applied cpu-quota of cart 4',
    ]);
  });

  describe('of which the diagnosis is there when the objective breaks', () => {
    const QUOTA = 'cpu-quota of cart 2';
    const WEIGHT = 'cpu-weight of db 200';
    let blamed: readonly string[];
    let verdict: Verdict | undefined;
    let brokenWindows: number;
    beforeEach(() => {
      brokenWindows = 3;
      cluster.targets.set('n1', [CART, DB]);
      blamed = ['cart'];
      verdict = undefined;
    });

    /** The quota of `cart`. */
    const released = async ({ loadRelief }: Partial<Pick<Parts, 'loadRelief'>> = {}) => {
      const diagnose: Parts['diagnose'] = ({ window, objective }) => {
        const diagnosis = fakeBlame(window, objective, blamed);
        return { ...diagnosis, verdict: verdict ?? diagnosis.verdict };
      };
      const at = await recovered(
        {
          trigger: { broken_windows: brokenWindows },
          actuation: { scale: { services: { front: { max: 4 } } } },
        },
        { parts: { ...planning(), diagnose, ...(loadRelief === undefined ? {} : { loadRelief }) } },
      );
      await at.windows(8, GOOD);
      expect(done().slice(2)).to.deep.equal([`n1 released ${QUOTA}`]);
      return at;
    };
    const broken = async (by: readonly string[]) => {
      const at = await released();
      blamed = by;
      await at.slides(3, BAD);
      expect(at.incidents).to.have.length(2);
      return at;
    };
    const sinceThen = () => done().slice(3);
    const newest = (at: Timeline) => at.incidents[0];
    const told = (at: Timeline) => newest(at)?.timeline.map(({ text }) => text);

    it('stands where others are to blame, and is thought of no more', async () => {
      const at = await broken(['db']);
      expect(sinceThen()).to.deep.equal([`n1 applied ${WEIGHT}`]);
      expect(told(at)).to.include(
        'cpu-quota of cart on n1 stays released: to blame is cpu of db, not cpu of cart',
      );
      await at.slides(3, GOOD);
      await at.slides(3, BAD);
      expect(at.incidents).to.have.length(3);
      expect(sinceThen()).to.have.length(1);
    });

    it('waits for the diagnosis where an incident is opened before that has its windows', async () => {
      brokenWindows = 2;
      const at = await released();
      blamed = ['db'];
      await at.slides(2, BAD);
      expect(at.incidents).to.have.length(2);
      expect(newest(at)?.diagnosis).to.equal(null);
      expect(sinceThen()).to.deep.equal([]);
      await at.slides(1, BAD);
      expect(sinceThen()).to.deep.equal([`n1 applied ${WEIGHT}`]);
    });

    it('is taken back where it is to blame, and nothing more is done there; others are helped beside it', async () => {
      const at = await broken(['cart', 'db']);
      expect(sinceThen()).to.deep.equal([`n1 applied ${QUOTA}`, `n1 applied ${WEIGHT}`]);
      expect(told(at)).to.include('cpu-quota of cart on n1: front broke without it');
      expect(newest(at)?.actions.map(({ round }) => round)).to.deep.equal([1, 1]);
      await at.slides(3, GOOD);
      // The weight of the other after ten clean windows times the patience that what came back has left.
      await at.windows(17, GOOD);
      expect(sinceThen()).to.have.length(2);
      await at.windows(4, GOOD);
      expect(sinceThen().slice(2)).to.deep.equal([`n1 released ${WEIGHT}`]);
    });

    it('is followed by more for it only where what comes back has not helped', async () => {
      const at = await broken(['cart']);
      expect(sinceThen()).to.deep.equal([`n1 applied ${QUOTA}`]);
      await at.slides(6, BAD);
      expect(sinceThen().slice(1)).to.deep.equal(['n1 applied cpu-quota of cart 4']);
    });

    it('is taken back where nobody is to blame, and nothing is done beside it', async () => {
      const at = await broken([]);
      expect(sinceThen()).to.deep.equal([`n1 applied ${QUOTA}`]);
      expect(newest(at)?.diagnosis?.verdict).to.equal('undetermined');
      expect(newest(at)?.actions).to.have.length(1);
      await at.slides(3, GOOD);
      expect(newest(at)?.status).to.equal('closed');
    });

    it('stands where nobody is to blame and it held for two windows at first', async () => {
      const at = await released();
      await at.windows(3, GOOD);
      blamed = [];
      await at.slides(3, BAD);
      expect(told(at)).to.include(
        'cpu-quota of cart on n1 stays released: the objective held without it at first',
      );
      await at.slides(6, BAD);
      expect(sinceThen()).to.deep.equal([]);
    });

    it('is taken back where it is to blame, however long it held', async () => {
      const at = await released();
      await at.windows(3, GOOD);
      await at.slides(3, BAD);
      expect(sinceThen()).to.deep.equal([`n1 applied ${QUOTA}`]);
    });

    it('is taken back where the load is too large, which is met only where that has not helped', async () => {
      const at = await released({ loadRelief: () => tooMuch('front', 0.25) });
      cluster.replicas.set('front', 3);
      blamed = [];
      verdict = 'workload';
      await at.slides(3, BAD);
      expect(sinceThen()).to.deep.equal([`n1 applied ${QUOTA}`]);
      await at.slides(6, BAD);
      expect(sinceThen().slice(1)).to.deep.equal(['kubernetes front × 4']);
    });

    it('is taken back where others were to blame before it was released', async () => {
      const at = await released();
      await post(at.rig.url('/api/v1/alerts'), webhook());
      await settled();
      blamed = [];
      await at.slides(3, BAD);
      blamed = ['db'];
      await at.slides(8, BAD);
      expect(sinceThen()).to.deep.equal([`n1 applied ${QUOTA}`, `n1 applied ${WEIGHT}`]);
      for (let i = 0; i < 42 && sinceThen().length < 4; i++) await at.windows(1, GOOD);
      expect(sinceThen().slice(2)).to.deep.equal([`n1 released ${WEIGHT}`, `n1 released ${QUOTA}`]);
      await at.slides(3, BAD);
      expect(at.incidents.map(({ status }) => status)).to.deep.equal(['open', 'closed']);
      expect(sinceThen().slice(4)).to.deep.equal([`n1 applied ${QUOTA}`]);
    });

    it('gives way to the next rung where its agent refuses to take it back', async () => {
      cluster.targets.set('n1', [{ ...CART, cpuFrequencyKhz: { currentMin: 1e6, max: 2e6 } }]);
      const at = await released();
      cluster.refused.add('cpu-quota');
      await at.slides(3, BAD);
      expect(sinceThen()).to.deep.equal([`n1 refused ${QUOTA}`, 'n1 applied cpu-frequency of cart']);
    });

    for (const [by, first] of [
      [['db'], WEIGHT],
      [['cart', 'db'], QUOTA],
    ] as const) {
      it(`is decided once, crash or not, with ${by.join(' and ')} to blame`, async () => {
        let answer = () => {};
        const silent = new Promise<void>((resolve) => {
          answer = resolve;
        });
        const at = await released();
        blamed = by;
        cluster.silent = silent;
        await at.slides(3, BAD);
        expect(sinceThen()).to.deep.equal([]);
        const dataDir = tempDir();
        const path = join(dataDir, 'incidents.json');
        cpSync(join(at.rig.config.dataDir, 'incidents.json'), path);
        const saved = JSON.parse(readFileSync(path, 'utf8'));
        expect(saved.at(-1).diagnosis.culprits).to.have.length(by.length);
        expect(saved.at(-1).actions.map(({ state }: { state: string }) => state)).to.deep.equal(['due']);
        expect(saved.map(({ released }: { released: unknown }) => released)).to.deep.equal([null, null]);
        answer();
        await settled();
        const before = cluster.log.length;
        await start({}, { dataDir });
        await settled();
        expect(cluster.log.slice(before)).to.deep.equal([`n1 again ${first}`]);
      });
    }
  });

  it('of replicas is back to the number before, unless somebody else has changed it', async () => {
    for (const [meanwhile, after] of [
      [4, 2],
      [3, 3],
    ] as const) {
      cluster.targets.set('n1', []);
      cluster.replicas.set('cart', 2);
      const at = await start({ actuation: SCALE });
      await at.breakDown();
      expect(cluster.replicas.get('cart')).to.equal(4);
      cluster.replicas.set('cart', meanwhile);
      await at.windows(13, GOOD);
      expect(cluster.replicas.get('cart')).to.equal(after);
    }
  });
});
