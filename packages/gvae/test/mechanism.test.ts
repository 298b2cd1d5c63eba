import { createRng } from '@sage/core';
import { expect } from 'chai';
import { type Inputs, inputReader } from '../src/inputs.js';
import { buildLayout } from '../src/layout.js';
import { Mechanism } from '../src/mechanism.js';
import { initialParameters, type Layer, latentsOf, layersOf } from '../src/parameters.js';
import { fitScales } from '../src/scales.js';
import { node, unmetWindows, worldGraph, worldWindows } from './world.js';

describe('the structural equations as learnt', () => {
  // More rows than are decoded at once, and not a multiple of it.
  const windows = worldWindows(37, 4);
  const layout = buildLayout(worldGraph(), windows);
  const scales = fitScales(layout, windows);
  const mechanism = new Mechanism(layout, scales, initialParameters(layout, createRng(6)));
  const rows = windows.map(inputReader(layout, scales));

  for (const latents of ['posterior', 'prior'] as const) {
    for (const parents of ['observed', 'decoded'] as const) {
      it(`decode many rows as they do each: ${latents}, parents ${parents}`, () => {
        const all = [...mechanism.decodeAll(rows, latents, parents)];
        expect(all.map(([inputs]) => inputs)).to.deep.equal(rows);
        for (const [inputs, decoded] of all) {
          const alone = mechanism.decode(inputs, latents, parents);
          decoded.forEach((ms, at) => {
            expect(ms, `entry ${at}`).to.be.closeTo(alone[at] as number, 1e-9);
          });
          expect(Math.max(...decoded)).to.be.above(0);
        }
      });
    }
  }

  it('give back own times out of all proportion, whatever the hidden layers have learnt of usual ones', () => {
    // What they say is that everything takes a twentieth.
    const learnt = initialParameters(layout, createRng(6));
    layout.units.forEach((unit, u) => {
      const last = layersOf(unit).decoder[2] as Layer;
      (learnt.units[u] as Float32Array).fill(-3, last.bias, last.bias + last.outputs);
    });
    const biased = new Mechanism(layout, scales, learnt);
    const slow = worldWindows(37, 4, 5000).map(inputReader(layout, scales));
    const at = 3 * layout.nodes.indexOf(node('server', 'a', 'b'));
    const partOf = (inputs: Inputs) =>
      (biased.decode(inputs, 'posterior', 'observed')[at] as number) / (inputs.observed[at] as number);
    for (const inputs of rows) expect(partOf(inputs)).to.be.below(0.2);
    for (const inputs of slow) expect(partOf(inputs)).to.be.within(0.9, 1.1);
  });

  it('give back that a node did not wait for calls that were slow, and foretell that it would', () => {
    const handedMs = 5000;
    const caller = 3 * layout.nodes.indexOf(node('server', 'frontend', 'a'));
    for (const inputs of unmetWindows(37, 4, handedMs).map(inputReader(layout, scales))) {
      const given = mechanism.decode(inputs, 'posterior', 'decoded');
      const foretold = mechanism.decode(inputs, 'prior', 'observed');
      for (let at = caller; at < caller + 3; at++) {
        expect((given[at] as number) / (inputs.observed[at] as number)).to.be.within(0.7, 1.4);
        expect(foretold[at]).to.be.above(handedMs);
      }
    }
  });

  it('give the same heads with a latent for each column and in columns of their own', () => {
    const inputs = rows[0] as (typeof rows)[number];
    layout.units.forEach((unit, u) => {
      const condition = mechanism.condition(u, inputs);
      const rng = createRng(u);
      // [latent][column], two columns.
      const latents = Float64Array.from({ length: 2 * latentsOf(unit) }, () => rng.normal());
      const column = (i: number) => latents.filter((_, at) => at % 2 === i);
      const both = mechanism.heads(u, condition, latents);
      for (const i of [0, 1]) {
        const alone = mechanism.heads(u, condition, column(i));
        alone.forEach((head, at) => {
          expect(both[2 * at + i], `${unit.service} ${at}`).to.be.closeTo(head, 1e-9);
        });
      }
    });
  });
});
