import { createRng } from '@sage/core';
import { loadBackend } from '@sage/gvae';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import type { LabelledWindow, Method } from '../src/index.js';
import { spansOf, tierOrder } from '../src/methods/seer/examples.js';
import { seerMethod } from '../src/methods/seer/seer.js';
import {
  asked,
  calmReadings,
  evidenceOf,
  GRAPH,
  labelled,
  labelledWindow,
  TIERS,
  windowOf,
} from './three-tiers.js';

/** Calls wait at the culprit and, because of it, at those who call it; six seconds. */
function depths(culprit: number | undefined, rng = createRng(5)): Float32Array[] {
  return Array.from({ length: 6 }, () =>
    Float32Array.from(
      TIERS,
      (_, tier) => Math.exp(0.2 * rng.normal()) * (culprit !== undefined && tier <= culprit ? 3 : 0.3),
    ),
  );
}

describe('Seer', () => {
  it('puts tiers in the order of calls', () => {
    expect(tierOrder(GRAPH)).to.deep.equal(['front', 'middle', 'back']);
  });

  it('sees half a window at a time, a sixth apart', () => {
    const seconds = Array.from({ length: 12 }, (_, i) => Float32Array.of(i, 0, 2 * i));
    const spans = spansOf({ services: TIERS, seconds }, ['back', 'front', 'nobody']);
    expect(spans.map((span) => span.length)).to.deep.equal([6, 6, 6, 6]);
    const [first] = spans[1] as [Float32Array];
    expect([...first].map((log) => Math.round(Math.exp(log)))).to.deep.equal([4, 2, 0]);
  });

  it('needs labelled runs', async () => {
    const options = { rng: createRng(1), progress: () => undefined };
    expect(await seerMethod.prepare(undefined, options)).to.equal(undefined);
  });

  describe('trained on three tiers', () => {
    let method: Method | undefined;
    let tensors: number;
    before(async function () {
      this.timeout(60_000);
      await loadBackend();
      tensors = tf.memory().numTensors;
      const rng = createRng(2);
      const windows = Array.from({ length: 160 }, (_, i): LabelledWindow => {
        // Eight in a row of each: nobody, front, middle, back.
        const kind = Math.floor(i / 8) % 4;
        const culprit = kind === 0 ? undefined : kind - 1;
        const service = culprit === undefined ? undefined : TIERS[culprit];
        return labelledWindow(
          windowOf(i, calmReadings(rng)),
          service === undefined ? undefined : { service, resource: 'cpu' },
          depths(culprit, rng),
        );
      });
      const calibration = { cases: [labelled(evidenceOf({}), [])], windows };
      method = await seerMethod.prepare(calibration, { rng: createRng(1), progress: () => undefined });
    });

    TIERS.forEach((tier, index) => {
      it(`blames ${tier}, and reads the resource from its counters`, () => {
        const queueDepths = { services: TIERS, seconds: depths(index) };
        const evidence = asked({ ...evidenceOf({ [tier]: { memory_pressure_ratio: 4 } }), queueDepths });
        const { blamed } = method?.answer(evidence) ?? {};
        expect(blamed?.map(({ service, resource }) => [service, resource])).to.deep.equal([[tier, 'memory']]);
      });
    });

    it('blames nobody where nothing waits', () => {
      const queueDepths = { services: TIERS, seconds: depths(undefined) };
      expect(method?.answer(asked({ ...evidenceOf({}), queueDepths })).verdict).to.equal('undetermined');
    });

    it('leaves no tensor behind', () => {
      expect(tf.memory().numTensors).to.equal(tensors);
    });
  });
});
