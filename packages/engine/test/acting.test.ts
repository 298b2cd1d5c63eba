import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { success, type Verdict } from '@sage/core';
import type { LoadRelief } from '@sage/root-cause';
import { expect } from 'chai';
import type { Parts } from '../src/parts.js';
import { Cluster, planning } from './cluster.js';
import {
  fakeBlame,
  fakeDiagnosis,
  post,
  type Rig,
  type RigOptions,
  rigsOfEachTest,
  settled,
  tempDir,
  webhook,
} from './support.js';

const BAD = 220;
const GOOD = 40;
const LEARNT = 22;
/** Of 30 s, in slides of 10 s. */
const WHOLE = 3;

const CART = {
  target: 'cart',
  cpuQuotaCores: { current: 1, max: 4 },
  cpuWeight: { current: 100, max: 10_000 },
};
const DB = { target: 'db', cpuWeight: { current: 100, max: 10_000 } };
const SCALE = { scale: { max: 4 } };

/** Of a load that is too large for a service, this part has to go elsewhere. */
const tooMuch = (service: string, share: number): LoadRelief => ({
  ...{ service, resource: 'cpu', evidence: [], probability: 0.9, restoredMs: 40 },
  ...{ enough: 0.5, expectedMs: 80, share },
});

/** An engine on a cluster, and its windows in the order in which they close. */
class Timeline {
  #next = 0;

  constructor(
    readonly rig: Rig,
    readonly cluster: Cluster,
  ) {}

  async slides(count: number, p99Ms: number): Promise<void> {
    for (let i = 0; i < count; i++) {
      const before = this.cluster.log.length;
      await this.rig.window(this.#next++, p99Ms);
      if (this.cluster.log.length !== before) await settled();
    }
  }

  /** Windows that do not overlap. */
  async windows(count: number, p99Ms: number): Promise<void> {
    await this.slides(WHOLE * count, p99Ms);
  }

  /** Until something is done for the first time. */
  async breakDown(): Promise<void> {
    await this.slides(LEARNT, GOOD);
    await this.slides(3, BAD);
  }

  get incidents() {
    return this.rig.engine.state().incidents;
  }

  get story(): string {
    return (
      this.incidents
        .at(-1)
        ?.timeline.map(({ text }) => text)
        .join('\n') ?? ''
    );
  }
}

describe('treatment', () => {
  const startRig = rigsOfEachTest();
  let cluster: Cluster;

  beforeEach(() => {
    cluster = new Cluster();
    cluster.targets.set('n1', [CART]);
    cluster.replicas.set('cart', 2);
  });

  const start = async (
    { actuation = {}, ...extra }: { actuation?: object } & Record<string, unknown> = {},
    rest: Partial<RigOptions> = {},
  ) =>
    new Timeline(
      await startRig({
        ...rest,
        extra: { ...cluster.extra, ...extra, actuation: { mode: 'act', ...actuation } },
        deps: { fetch: cluster.fetch, ...rest.deps },
        parts: { ...planning(), orchestrator: async () => success(cluster.orchestrator), ...rest.parts },
      }),
      cluster,
    );
  /** But for leases that were renewed. */
  const done = () => cluster.log.filter((line) => !line.includes(' again '));

  it('climbs rung by rung, out to more replicas, then further, and at last tells a person', async () => {
    cluster.targets.set('n1', [{ ...CART, cpuQuotaCores: { current: 1, max: 2 } }]);
    const at = await start({ actuation: { ...SCALE, allow: ['cpu-quota', 'scale'] } });
    await at.breakDown();
    expect(cluster.log).to.deep.equal(['n1 applied cpu-quota of cart 1.5']);
    // Two windows that begin after it.
    await at.slides(5, BAD);
    expect(cluster.log).to.have.length(1);
    await at.slides(1, BAD);
    expect(cluster.log.slice(1)).to.deep.equal(['kubernetes cart × 4']);
    await at.windows(20, BAD);
    expect(done()).to.deep.equal([
      'n1 applied cpu-quota of cart 1.5',
      'kubernetes cart × 4',
      'n1 applied cpu-quota of cart 2',
    ]);
    expect(at.story).to.match(/still above the objective; the next step is taken.*Give cart more processor/s);
    const states = at.incidents[0]?.actions.map(({ state }) => state);
    expect(states).to.deep.equal(['done', 'done', 'done', 'advice']);
  });

  it('tells a person to scale where the orchestrator does not say how far that goes', async () => {
    cluster.targets.set('n1', []);
    cluster.scaleFailure = 'unreachable';
    const at = await start({ actuation: SCALE });
    await at.breakDown();
    expect(cluster.log).to.deep.equal([]);
    expect(at.story).to.match(/Give cart more processor time: move its neighbours, or scale it out/);
  });

  it('takes the next rung at once where an agent refuses one, and lets that rest', async () => {
    cluster.refused.add('cpu-weight');
    const at = await start();
    await at.breakDown();
    expect(cluster.log).to.deep.equal([
      'n1 refused cpu-weight of cart 200',
      'n1 applied cpu-quota of cart 1.5',
    ]);
    await at.windows(8, BAD);
    expect(done().slice(2)).to.deep.equal([
      'n1 applied cpu-quota of cart 2.25',
      'n1 applied cpu-quota of cart 3.38',
      'n1 applied cpu-quota of cart 4',
    ]);
  });

  it('takes back what did harm, that step alone, and stops there', async () => {
    const at = await start();
    await at.breakDown();
    await at.slides(8, BAD);
    expect(cluster.log).to.have.length(2);
    await at.windows(12, 3 * BAD);
    expect(done()).to.deep.equal([
      'n1 applied cpu-weight of cart 200',
      'n1 applied cpu-quota of cart 1.5',
      'n1 released cpu-quota of cart 1.5',
    ]);
    expect(at.story).to.match(/worse than before; what was done is undone/);
  });

  it('does not turn again, in another incident, what did harm a moment ago', async () => {
    const at = await start();
    await at.breakDown();
    await at.slides(8, 3 * BAD);
    expect(cluster.log.at(-1)).to.equal('n1 released cpu-weight of cart 200');
    await at.slides(4, GOOD);
    await at.slides(5, BAD);
    expect(at.incidents).to.have.length(2);
    expect(cluster.log.at(-1)).to.equal('n1 applied cpu-quota of cart 1.5');
  });

  describe('release', () => {
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
      expect(done().slice(2)).to.deep.equal(['n1 released cpu-quota of cart 1.5']);
      await at.windows(9, GOOD);
      expect(done()).to.have.length(3);
      await at.windows(2, GOOD);
      expect(done().slice(3)).to.deep.equal(['n1 released cpu-weight of cart 200']);
      expect(cluster.targets.get('n1')).to.deep.equal([CART]);
    });

    it('is taken back if the objective breaks without it, and waits twice as long the next time', async () => {
      const at = await recovered();
      await at.windows(10, GOOD);
      expect(done().slice(2)).to.deep.equal(['n1 released cpu-quota of cart 1.5']);
      const diagnosed = at.rig.diagnoses();
      await at.slides(2, BAD);
      expect(done().slice(3)).to.deep.equal(['n1 applied cpu-quota of cart 1.5']);
      await at.slides(3, GOOD);
      expect(at.rig.diagnoses()).to.equal(diagnosed);
      expect(at.incidents.map(({ status }) => status)).to.deep.equal(['closed', 'closed']);
      expect(at.incidents[0]?.timeline.map(({ text }) => text)).to.include(
        'cpu-quota of cart on n1: front broke without it',
      );
      await at.windows(15, GOOD);
      expect(done()).to.have.length(4);
      await at.windows(6, GOOD);
      expect(done().slice(4)).to.deep.equal(['n1 released cpu-quota of cart 1.5']);
      await at.windows(21, GOOD);
      expect(done().slice(5)).to.deep.equal(['n1 released cpu-weight of cart 200']);
    });

    it('goes on, where what comes back does not help, with a new diagnosis and the next rung', async () => {
      const at = await recovered();
      await at.windows(10, GOOD);
      await at.slides(14, BAD);
      expect(done().slice(2, 5)).to.deep.equal([
        'n1 released cpu-quota of cart 1.5',
        'n1 applied cpu-quota of cart 1.5',
        'n1 applied cpu-weight of cart 400',
      ]);
    });

    describe('of which the diagnosis is there when the objective breaks', () => {
      const QUOTA = 'cpu-quota of cart 1.5';
      const WEIGHT = 'cpu-weight of db 200';
      let blamed: readonly string[];
      let verdict: Verdict | undefined;
      beforeEach(() => {
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
          { trigger: { broken_windows: 3 }, actuation: { scale: { services: { front: { max: 4 } } } } },
          { parts: { ...planning(), diagnose, ...(loadRelief === undefined ? {} : { loadRelief }) } },
        );
        await at.windows(10, GOOD);
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
          'cpu-quota of cart on n1 stays released: to blame is cpu of db, not cart',
        );
        await at.slides(3, GOOD);
        await at.slides(3, BAD);
        expect(at.incidents).to.have.length(3);
        expect(sinceThen()).to.have.length(1);
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
        expect(sinceThen().slice(1)).to.deep.equal(['n1 applied cpu-weight of cart 400']);
      });

      it('is taken back where nobody is to blame, and nothing is done beside it', async () => {
        const at = await broken([]);
        expect(sinceThen()).to.deep.equal([`n1 applied ${QUOTA}`]);
        expect(newest(at)?.diagnosis?.verdict).to.equal('undetermined');
        expect(newest(at)?.actions).to.have.length(1);
        await at.slides(3, GOOD);
        expect(newest(at)?.status).to.equal('closed');
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
        await at.slides(12, BAD);
        expect(sinceThen()).to.deep.equal([`n1 applied ${QUOTA}`, `n1 applied ${WEIGHT}`]);
        await at.windows(42, GOOD);
        expect(sinceThen().slice(2)).to.deep.equal([`n1 released ${WEIGHT}`, `n1 released ${QUOTA}`]);
        await at.slides(3, BAD);
        expect(at.incidents.map(({ status }) => status)).to.deep.equal(['open', 'closed']);
        expect(sinceThen().slice(4)).to.deep.equal([`n1 applied ${QUOTA}`]);
      });

      it('gives way to the next rung where its agent refuses to take it back', async () => {
        const at = await released();
        cluster.refused.add('cpu-quota');
        await at.slides(3, BAD);
        expect(sinceThen()).to.deep.equal([`n1 refused ${QUOTA}`, 'n1 applied cpu-weight of cart 400']);
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

  describe('of two incidents on one target', () => {
    const objectives = [
      { name: 'front', service: 'front', operation: 'GET /', threshold_ms: 100 },
      { name: 'also', service: 'front', operation: 'GET /', threshold_ms: 110 },
    ];
    const storyOf = (at: Timeline, objective: string) =>
      at.incidents
        .find((incident) => incident.objective === objective)
        ?.timeline.map(({ text }) => text)
        .join('\n');

    it('is done by one, and the other waits', async () => {
      const parts = planning({ enough: 1, expectedMs: 40, restoredMs: 40 });
      const at = await start({ objectives, actuation: { allow: ['cpu-weight'] } }, { parts });
      await at.breakDown();
      expect(at.incidents).to.have.length(2);
      await at.windows(8, BAD);
      expect(cluster.log).to.deep.equal(['n1 applied cpu-weight of cart 10000']);
      const waiting = at.incidents.filter(({ actions }) => actions.length === 0);
      expect(waiting).to.have.length(1);
      expect(storyOf(at, waiting[0]?.objective ?? '')).to.match(
        /cart is being treated in incident \w+ \((front|also)\): nothing is done twice/,
      );
    });

    it('is taken over, ladder and all, by the one that outlasts the other', async () => {
      const at = await start({ objectives });
      await at.breakDown();
      const [first] = at.incidents.filter(({ actions }) => actions.length > 0);
      expect(first?.objective).to.equal('also');
      // Above the one, below the other.
      await at.slides(12, 105);
      expect(storyOf(at, 'also')).to.match(/closed/);
      expect(cluster.log).to.deep.equal([
        'n1 applied cpu-weight of cart 200',
        'n1 applied cpu-quota of cart 1.5',
      ]);
      await at.windows(14, GOOD);
      expect(done().slice(2)).to.deep.equal(['n1 released cpu-quota of cart 1.5']);
    });
  });

  describe('by objective', () => {
    for (const [mode, override, requests, plans] of [
      ['act', 'observe', 0, []],
      ['act', 'recommend', 0, ['proposed']],
      ['observe', 'act', 1, ['done']],
      ['recommend', undefined, 0, ['proposed']],
    ] as const) {
      it(`${mode}, and ${override ?? 'nothing'} of its own: ${requests} requests`, async () => {
        const objective = { name: 'front', service: 'front', operation: 'GET /', threshold_ms: 100 };
        const at = await start({
          actuation: { mode },
          objectives: [{ ...objective, ...(override === undefined ? {} : { actuation: override }) }],
        });
        await at.breakDown();
        expect(cluster.log).to.have.length(requests);
        expect(at.incidents[0]?.actions.map(({ state }) => state)).to.deep.equal(plans);
      });
    }
  });

  describe('without a culprit', () => {
    const verdict = (of: Verdict): Partial<Parts> => ({
      diagnose: ({ window, objective }) => {
        const [culprit] = fakeDiagnosis(window, objective).culprits;
        const { service = '', probability = 0, resource } = culprit ?? {};
        const candidate = { service, resource, anomaly: 9, counterfactualMs: 50, probability, evidence: [] };
        return {
          ...fakeDiagnosis(window, objective),
          verdict: of,
          culprits: [],
          services: [candidate],
          resources: [candidate],
        };
      },
    });
    it('a load that is too large is shared by more replicas', async () => {
      cluster.replicas.set('front', 3);
      const parts = { ...verdict('workload'), loadRelief: () => tooMuch('front', 0.25) };
      const at = await start({ actuation: SCALE }, { parts });
      await at.breakDown();
      expect(cluster.log).to.deep.equal(['kubernetes front × 4']);
    });

    it('and where it may not be scaled, that is recommended', async () => {
      const parts = { ...verdict('workload'), loadRelief: () => tooMuch('front', 0.25) };
      const at = await start({}, { parts });
      await at.breakDown();
      expect(cluster.log).to.deep.equal([]);
      expect(at.story).to.match(/Scale front out, which saturates first, or shed load/);
    });

    it('nothing is done about what cannot be determined, and it is said once', async () => {
      const at = await start({ actuation: SCALE }, { parts: verdict('undetermined') });
      await at.breakDown();
      await at.windows(10, BAD);
      expect(cluster.log).to.deep.equal([]);
      expect(at.story.match(/Look at it yourself/g)).to.have.length(1);
    });
  });

  describe('is an experiment', () => {
    const metrics = async (at: Timeline) => (await fetch(at.rig.url('/metrics'))).text();

    it('whose outcome grades the model', async () => {
      const at = await start();
      await at.breakDown();
      expect(await metrics(at)).not.to.match(/^sage_action_prediction_error_ratio_count\{/m);
      // 80 ms were expected.
      await at.slides(8, 60);
      const text = await metrics(at);
      expect(text).to.include('sage_action_predicted_latency_seconds{qos="front"} 0.08\n');
      expect(text).to.include('sage_action_observed_latency_seconds{qos="front"} 0.06\n');
      expect(text).to.include('sage_action_prediction_error_ratio_sum{qos="front"} 0.25\n');
      expect(at.story).to.match(/two windows after the action: 60\.0 ms, expected 80\.0 ms, within/);
      await at.windows(5, 60);
      expect(await metrics(at)).to.include('sage_action_prediction_error_ratio_count{qos="front"} 1\n');
    });

    it('and an action of which nothing was expected grades nobody', async () => {
      const at = await start({}, { parts: { relief: () => undefined } });
      await at.breakDown();
      await at.slides(8, 60);
      expect(await metrics(at)).not.to.match(/^sage_action_prediction_error_ratio_count\{/m);
      expect(at.story).to.match(/two windows after the action: 60\.0 ms, within/);
    });

    it('and a model that fails is not asked how much is enough', async () => {
      const relief = () => {
        throw new Error('a bug');
      };
      const at = await start({}, { parts: { relief } });
      await at.breakDown();
      expect(cluster.log).to.deep.equal(['n1 applied cpu-weight of cart 10000']);
    });
  });

  describe('after a crash', () => {
    /** The files as they are while an agent has not answered yet. */
    const crashed = async (actuation: object = {}) => {
      let answer = () => {};
      cluster.silent = new Promise((resolve) => {
        answer = resolve;
      });
      const at = await start({ actuation });
      await at.breakDown();
      const dataDir = tempDir();
      cpSync(join(at.rig.config.dataDir, 'incidents.json'), join(dataDir, 'incidents.json'));
      return { at, dataDir, answer };
    };

    it('between plan and act, it is done at the next start under the same id', async () => {
      const { dataDir, answer } = await crashed();
      const saved = JSON.parse(readFileSync(join(dataDir, 'incidents.json'), 'utf8'));
      expect(saved[0].actions[0]).to.include({ state: 'due', doneMs: null });
      answer();
      await settled();
      expect(cluster.log).to.deep.equal(['n1 applied cpu-weight of cart 200']);
      const again = await start({}, { dataDir });
      await settled();
      expect(cluster.log.slice(1)).to.deep.equal(['n1 again cpu-weight of cart 200']);
      expect(again.incidents[0]?.actions[0]).to.include({ state: 'done' });
      await again.slides(1, BAD);
      expect(cluster.log).to.have.length(2);
    });

    it('of replicas, what was done before it is known to be ours', async () => {
      cluster.targets.set('n1', []);
      const at = await start({ actuation: SCALE });
      await at.breakDown();
      const dataDir = tempDir();
      const path = join(dataDir, 'incidents.json');
      const [incident] = JSON.parse(readFileSync(join(at.rig.config.dataDir, 'incidents.json'), 'utf8'));
      const [entry] = incident.actions;
      const due = { ...entry, state: 'due', doneMs: null, outcomes: [] };
      writeFileSync(path, JSON.stringify([{ ...incident, actions: [due], inForce: [] }]));
      const again = await start({ actuation: SCALE }, { dataDir });
      await settled();
      expect(cluster.log).to.deep.equal(['kubernetes cart × 4']);
      await again.windows(16, GOOD);
      expect(cluster.log.slice(1)).to.deep.equal(['kubernetes cart × 2']);
    });

    it('in an incident that is over, it is taken back', async () => {
      const { dataDir, answer } = await crashed();
      answer();
      await settled();
      const objectives = [{ name: 'other', service: 'front', operation: 'GET /', threshold_ms: 100 }];
      const again = await start({ objectives }, { dataDir });
      await settled();
      expect(again.incidents[0]?.status).to.equal('closed');
      expect(cluster.log.at(-1)).to.equal('n1 released cpu-weight of cart 200');
      expect(cluster.targets.get('n1')).to.deep.equal([CART]);
    });
  });
});
