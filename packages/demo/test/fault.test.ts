import { createRng } from '@sage/core';
import { expect } from 'chai';
import { drawFault, faultKinds, servicesFor } from '../src/faults/index.js';

describe('drawFault', () => {
  for (const isolation of ['kernel', 'user'] as const) {
    it(`draws all kinds and all possible services about equally (${isolation})`, () => {
      const rng = createRng(5);
      const kinds = new Map<string, number>();
      const places = new Set<string>();
      for (let i = 0; i < 3000; i++) {
        const drawn = drawFault(rng, { isolation });
        if (!drawn.ok) throw new Error(drawn.message);
        kinds.set(drawn.value.kind, (kinds.get(drawn.value.kind) ?? 0) + 1);
        places.add(`${drawn.value.kind}@${drawn.value.service}`);
      }
      for (const kind of faultKinds) expect(kinds.get(kind)).to.be.within(880, 1120);
      const possible = faultKinds.flatMap((kind) =>
        servicesFor(kind, isolation).map((one) => `${kind}@${one}`),
      );
      expect([...places].sort()).to.deep.equal(possible.sort());
    });
  }

  it('keeps what was given and repeats itself for the same seed', () => {
    const options = { isolation: 'user', kind: 'pool' } as const;
    expect(drawFault(createRng(3), options)).to.deep.equal(drawFault(createRng(3), options));
    expect(
      drawFault(createRng(3), { isolation: 'kernel', service: 'memcached-rate' }),
    ).to.have.nested.property('value.service', 'memcached-rate');
  });

  const mistakes: [string | undefined, string | undefined, RegExp][] = [
    ['disk', undefined, /expected cpu, network, pool, got "disk"/],
    ['pool', 'geo', /pool@geo would break no objective; possible are: cpu at frontend/],
    [undefined, 'user', /@user would break no objective/],
    ['network', 'frontend', /network@frontend would break no objective/],
  ];
  for (const [kind, service, message] of mistakes) {
    it(`refuses ${kind}@${service}`, () => {
      const drawn = drawFault(createRng(1), { isolation: 'user', kind, service });
      expect(drawn.ok).to.equal(false);
      if (!drawn.ok) expect(drawn.message).to.match(message);
    });
  }
});
