import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Verdict } from '@sage/core';
import { expect } from 'chai';
import type { Parts } from '../src/parts.js';
import { type Cluster, planning } from './cluster.js';
import { fakeBlame, fakeDiagnosis, settled, tempDir } from './support.js';
import { BAD, CART, GOOD, SCALE, type Timeline, timelinesOfEachTest, tooMuch } from './timeline.js';

const storyOf = (at: Timeline, objective: string) =>
  at.incidents
    .find((incident) => incident.objective === objective)
    ?.timeline.map(({ text }) => text)
    .join('\n');

describe('treatment', () => {
  const suite = timelinesOfEachTest();
  const { start, done } = suite;
  let cluster: Cluster;
  beforeEach(() => {
    cluster = suite.cluster;
  });

  it('turns what was not enough as far as it goes, then climbs, out to more replicas, and at last tells a person', async () => {
    cluster.targets.set('n1', [{ ...CART, cpuQuotaCores: { current: 1, max: 3 } }]);
    const at = await start({ actuation: { ...SCALE, allow: ['cpu-quota', 'scale'] } });
    await at.breakDown();
    expect(cluster.log).to.deep.equal(['n1 applied cpu-quota of cart 2']);
    // Two windows that begin after it.
    await at.slides(5, BAD);
    expect(cluster.log).to.have.length(1);
    await at.slides(1, BAD);
    expect(cluster.log.slice(1)).to.deep.equal(['n1 applied cpu-quota of cart 3']);
    await at.windows(20, BAD);
    expect(done()).to.deep.equal([
      'n1 applied cpu-quota of cart 2',
      'n1 applied cpu-quota of cart 3',
      'kubernetes cart × 4',
    ]);
    expect(at.story).to.match(/still above the objective; more is done.*Give cart more processor/s);
    const states = at.incidents[0]?.actions.map(({ state }) => state);
    expect(states).to.deep.equal(['done', 'done', 'done', 'advice']);
  });

  describe('that was not enough', () => {
    const TARGETS = ['cart', 'db', 'front'].map((target) => ({
      target,
      cpuWeight: { current: 100, max: 10_000 },
    }));
    let blamed: readonly string[];
    const begun = async (first = 'cart') => {
      blamed = [first];
      cluster.targets.set('n1', TARGETS);
      const diagnose: Parts['diagnose'] = ({ window, objective }) => fakeBlame(window, objective, blamed);
      const at = await start({}, { parts: { ...planning(), diagnose } });
      await at.breakDown();
      expect(done()).to.deep.equal([`n1 applied cpu-weight of ${first} 200`]);
      return at;
    };

    it('goes on with whom another diagnosis names', async () => {
      const at = await begun();
      blamed = ['db'];
      await at.slides(6, BAD);
      expect(done().slice(1)).to.deep.equal(['n1 applied cpu-weight of db 200']);
      expect(at.incidents[0]?.diagnosis?.culprits.map(({ service }) => service)).to.deep.equal(['db']);
    });

    it('goes on with whom the former named, all of the way, where another names nobody', async () => {
      const at = await begun();
      blamed = [];
      await at.slides(6, BAD);
      expect(done().slice(1)).to.deep.equal(['n1 applied cpu-weight of cart 10000']);
      expect(at.incidents[0]?.diagnosis?.verdict).to.equal('culprits');
      expect(at.story).to.include('diagnosed anew: undetermined; what was found before stands');
    });

    it('waits where another names who is called by those that were helped, until that has drained', async () => {
      const at = await begun('front');
      blamed = ['cart'];
      await at.slides(6, BAD);
      expect(at.story).to.include(
        'diagnosed anew: cart; looked at again once what was queued up has drained',
      );
      expect(done()).to.have.length(1);
      await at.slides(6, BAD);
      expect(done().slice(1)).to.deep.equal(['n1 applied cpu-weight of cart 200']);
    });

    it('waits for approval like any other plan', async () => {
      cluster.targets.set('n1', [CART]);
      const at = await start({ actuation: { mode: 'recommend' } });
      await at.breakDown();
      await at.windows(8, BAD);
      expect(cluster.log).to.deep.equal([]);
      expect(at.incidents[0]?.actions.map(({ state }) => state)).to.deep.equal(['proposed']);
    });
  });

  describe('that waits to be judged', () => {
    const objectives = [
      { name: 'front', service: 'front', operation: 'GET /', threshold_ms: 100 },
      { name: 'also', service: 'front', operation: 'GET /', threshold_ms: 2 * BAD },
    ];
    let blamed: Readonly<Record<string, readonly string[]>>;
    const begun = async (by: typeof blamed) => {
      blamed = by;
      cluster.targets.set(
        'n1',
        ['cart', 'db', 'front'].map((target) => ({ target, cpuWeight: { current: 100, max: 10_000 } })),
      );
      const diagnose: Parts['diagnose'] = ({ window, objective }) =>
        fakeBlame(window, objective, blamed[objective.name] ?? []);
      const at = await start({ objectives }, { parts: { ...planning(), diagnose } });
      await at.breakDown();
      expect(done()).to.have.length(1);
      return at;
    };

    it('is not waited for by whom the diagnosis of another objective names', async () => {
      const at = await begun({ front: ['cart'], also: ['cart', 'db'] });
      await at.slides(2, 3 * BAD);
      expect(done().slice(1)).to.deep.equal([]);
      await at.slides(1, 3 * BAD);
      expect(done().slice(1)).to.deep.equal(['n1 applied cpu-weight of db 200']);
      expect(storyOf(at, 'also')).to.match(
        /cart is being treated in incident \w+ \(front\): nothing is done twice/,
      );
    });

    it('is waited for by whom those call that were helped', async () => {
      const at = await begun({ front: ['front'], also: ['cart'] });
      await at.slides(4, 3 * BAD);
      expect(done().slice(1)).to.deep.equal([]);
    });

    it('is judged together with what a window since then asks for beside it', async () => {
      const at = await begun({ front: ['cart'] });
      blamed = { front: ['db'] };
      // The first of these windows that begins after it was done.
      await at.slides(2, BAD);
      expect(done().slice(1)).to.deep.equal([]);
      await at.slides(1, BAD);
      expect(done().slice(1)).to.deep.equal(['n1 applied cpu-weight of db 200']);
      await at.slides(5, 1.9 * BAD);
      expect(done()).to.have.length(2);
      await at.slides(1, 1.9 * BAD);
      expect(done().slice(2)).to.have.members([
        'n1 released cpu-weight of db 200',
        'n1 released cpu-weight of cart 200',
      ]);
    });
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
      'n1 applied cpu-quota of cart 2',
    ]);
    await at.windows(8, BAD);
    expect(done().slice(2)).to.deep.equal(['n1 applied cpu-quota of cart 4']);
  });

  it('takes back what did harm, that step alone, and stops there', async () => {
    const at = await start();
    await at.breakDown();
    await at.slides(8, BAD);
    expect(cluster.log).to.have.length(2);
    await at.windows(12, 3 * BAD);
    expect(done()).to.deep.equal([
      'n1 applied cpu-weight of cart 200',
      'n1 applied cpu-quota of cart 2',
      'n1 released cpu-quota of cart 2',
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
    expect(cluster.log.at(-1)).to.equal('n1 applied cpu-quota of cart 2');
  });

  describe('of two incidents on one target', () => {
    const objectives = [
      { name: 'front', service: 'front', operation: 'GET /', threshold_ms: 100 },
      { name: 'also', service: 'front', operation: 'GET /', threshold_ms: 110 },
    ];
    it('is done by one, and the other waits', async () => {
      const parts = planning({ enough: 1, expectedMs: 40, restoredMs: 40 });
      const at = await start({ objectives, actuation: { allow: ['cpu-weight'] } }, { parts });
      await at.breakDown();
      expect(at.incidents).to.have.length(2);
      await at.windows(8, BAD);
      expect(cluster.log).to.deep.equal(['n1 applied cpu-weight of cart 200']);
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
        'n1 applied cpu-quota of cart 2',
      ]);
      await at.windows(14, GOOD);
      expect(done().slice(2)).to.deep.equal(['n1 released cpu-quota of cart 2']);
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

  it('is done as soon as a later diagnosis is sure enough, and what is not is said once', async () => {
    let probability = 0.6;
    const diagnose: Parts['diagnose'] = ({ window, objective }) => {
      const diagnosis = fakeDiagnosis(window, objective);
      const culprits = diagnosis.culprits.map((culprit) => ({ ...culprit, probability }));
      probability += 0.01;
      return { ...diagnosis, culprits };
    };
    const at = await start({}, { parts: { ...planning(), diagnose } });
    await at.breakDown();
    await at.windows(3, BAD);
    expect(cluster.log).to.deep.equal([]);
    expect(at.story.match(/below the 0\.7 from which Sage acts/g)).to.have.length(1);
    probability = 0.8;
    await at.windows(1, BAD);
    expect(cluster.log).to.deep.equal(['n1 applied cpu-weight of cart 200']);
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
      cluster.targets.set('n1', [{ ...CART, cpuWeight: { current: 100, max: 10_000 } }]);
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
