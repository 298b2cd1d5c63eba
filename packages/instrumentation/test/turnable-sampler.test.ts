import { ROOT_CONTEXT, SpanKind } from '@opentelemetry/api';
import { SamplingDecision } from '@opentelemetry/sdk-trace-base';
import { expect } from 'chai';
import { TurnableSampler } from '../src/turnable-sampler.js';

/** Trace IDs at even distances over the range that is compared with the share; the first, all zeros, is none. */
const IDS = Array.from({ length: 255 }, (_, i) => (i + 1).toString(16).padStart(2, '0').padEnd(32, '0'));

describe('a sampler that can be turned', () => {
  const kept = (sampler: TurnableSampler) =>
    IDS.filter(
      (id) =>
        sampler.shouldSample(ROOT_CONTEXT, id, 'GET /', SpanKind.SERVER, {}, []).decision ===
        SamplingDecision.RECORD_AND_SAMPLED,
    ).length;

  it('keeps the share that it was last told, of the next trace on', () => {
    const sampler = new TurnableSampler(1);
    expect(kept(sampler)).to.equal(255);
    sampler.turn(0);
    expect(kept(sampler)).to.equal(0);
    sampler.turn(0.25);
    expect(kept(sampler)).to.equal(63);
  });

  for (const ratio of [-0.1, 1.1, Number.NaN]) {
    it(`refuses ${ratio}`, () => {
      expect(() => new TurnableSampler(1).turn(ratio)).to.throw(RangeError, `expected 0..1, got ${ratio}`);
    });
  }
});
