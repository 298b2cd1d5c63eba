import { createRng } from '@sage/core';
import { expect } from 'chai';
import { calibrateResiduals, emptyResiduals, type Residuals } from '../src/calibration.js';
import {
  excerptOf,
  putScales,
  takeParameters,
  takeScales,
  withParameters,
  withResiduals,
} from '../src/excerpt.js';
import { inputReader } from '../src/inputs.js';
import { buildLayout } from '../src/layout.js';
import { Mechanism } from '../src/mechanism.js';
import { initialParameters } from '../src/parameters.js';
import { RANKED_WINDOWS } from '../src/residual-ranks.js';
import { emptyScales, fitScales } from '../src/scales.js';
import { worldGraph, worldWindows } from './world.js';

describe('an excerpt of a layout', () => {
  const windows = worldWindows(40, 3);
  const graph = worldGraph();
  // What a caller waits for is its callee's, too.
  const latency = graph.latency.map((node) =>
    node.kind === 'client' ? { ...node, owners: [node.rpc.caller, node.rpc.callee] } : node,
  );
  const whole = buildLayout({ ...graph, latency }, windows);
  const scales = fitScales(whole, windows);
  const parameters = initialParameters(whole, createRng(4));
  const rows = windows.map(inputReader(whole, scales));
  const mechanism = new Mechanism(whole, scales, parameters);

  const chosen = whole.units.flatMap(({ service }, u) => (service === 'b' ? [u] : []));
  const excerpt = excerptOf(whole, chosen);
  const partScales = takeScales(excerpt, scales);
  const part = takeParameters(excerpt, parameters);
  const partRows = windows.map(inputReader(excerpt.layout, partScales));
  const partMechanism = new Mechanism(excerpt.layout, partScales, part);
  const inWhole = (here: number) => excerpt.nodes[here] as number;

  it('has the chosen units, whoever shares a node with them, and what their nodes wait for, but no more', () => {
    expect(excerpt.chosen.map((u) => excerpt.units[u])).to.deep.equal(chosen);
    const owners = new Set(excerpt.chosenNodes.flatMap((v) => whole.owners[inWhole(v)] ?? []));
    expect(excerpt.units).to.have.members([...owners]);
    for (const [here, v] of excerpt.units.entries()) {
      expect(excerpt.layout.units[here]?.nodes.map(inWhole)).to.deep.equal(whole.units[v]?.nodes);
    }
    expect(excerpt.nodes.length).to.be.below(whole.nodes.length);
    expect(excerpt.layout.nodes).to.deep.equal(excerpt.nodes.map((v) => whole.nodes[v]));
    for (const [here, e] of excerpt.edges.entries()) {
      const { parent, child } = excerpt.layout.edges[here] as { parent: number; child: number };
      expect([inWhole(parent), inWhole(child)]).to.deep.equal([
        whole.edges[e]?.parent,
        whole.edges[e]?.child,
      ]);
    }
  });

  it('reads windows by the scales that the whole would have', () => {
    const fitted = fitScales(excerpt.layout, windows);
    const put = emptyScales(whole);
    putScales(excerpt, fitted, put);
    expect(put.load).to.deep.equal(scales.load);
    for (const at of excerpt.features) expect(put.feature.center[at]).to.equal(scales.feature.center[at]);
    for (const v of excerpt.chosenNodes.map(inWhole)) {
      for (const name of ['median', 'logSpread', 'selfScale', 'rawSpread'] as const) {
        expect(put[name].subarray(3 * v, 3 * v + 3), name).to.deep.equal(
          scales[name].subarray(3 * v, 3 * v + 3),
        );
      }
    }
  });

  it('answers for the chosen nodes as the whole does', () => {
    for (const latents of ['posterior', 'prior'] as const) {
      rows.forEach((row, i) => {
        const expected = mechanism.decode(row, latents, 'observed');
        const found = partMechanism.decode(partRows[i] as (typeof partRows)[number], latents, 'observed');
        for (const v of excerpt.chosenNodes) {
          for (let q = 0; q < 3; q++) {
            expect(found[3 * v + q]).to.be.closeTo(expected[3 * inWhole(v) + q] as number, 1e-9);
          }
        }
      });
    }
  });

  it('tells what units that rest add to nodes', () => {
    const resting = excerpt.layout.units.flatMap((_, u) => (excerpt.chosen.includes(u) ? [] : [u]));
    expect(resting).not.to.be.empty;
    for (const [row, added] of partMechanism.addedBy(resting, partRows)) {
      const expected = new Float32Array(added.length);
      for (const u of resting) {
        const latents = partMechanism.posterior(u, row).mean;
        const heads = partMechanism.heads(u, partMechanism.condition(u, row), latents);
        excerpt.layout.units[u]?.nodes.forEach((v, slot) => {
          for (let q = 0; q < 3; q++) {
            expected[3 * v + q] = (expected[3 * v + q] as number) + (heads[3 * slot + q] as number);
          }
        });
      }
      added.forEach((head, at) => {
        expect(head).to.be.closeTo(expected[at] as number, 1e-5);
      });
    }
  });

  it('goes back into the whole: parameters of its units, residuals of the chosen nodes', () => {
    const doubled = {
      units: part.units.map((values) => values.map((value) => 2 * value)),
      corrections: part.corrections.map(() => 0.5),
    };
    const merged = withParameters(excerpt, doubled, parameters);
    merged.units.forEach((values, u) => {
      const times = excerpt.units.includes(u) ? 2 : 1;
      expect(values).to.deep.equal(parameters.units[u]?.map((value) => times * value));
    });
    merged.corrections.forEach((theta, e) => {
      expect(theta).to.equal(excerpt.edges.includes(e) ? 0.5 : 0);
    });

    const measured = calibrateResiduals(excerpt.layout, partScales, partMechanism, {
      rows: partRows,
      measuredMs: 7,
    });
    const residuals = withResiduals(excerpt, measured, emptyResiduals(whole));
    const all = calibrateResiduals(whole, scales, mechanism, { rows, measuredMs: 7 });
    const known = new Set(excerpt.chosenNodes.map(inWhole));
    whole.nodes.forEach((_, v) => {
      for (let at = 3 * v; at < 3 * v + 3; at++) {
        expect(residuals.spread[at]).to.be.closeTo(known.has(v) ? (all.spread[at] as number) : 0, 1e-9);
      }
      const ranksOf = ({ ranks }: Residuals) =>
        ranks.subarray(3 * v * RANKED_WINDOWS, 3 * (v + 1) * RANKED_WINDOWS);
      expect(ranksOf(residuals)).to.deep.equal(ranksOf(known.has(v) ? all : emptyResiduals(whole)));
      expect(residuals.measuredMs[v]).to.equal(known.has(v) ? 7 : Number.NEGATIVE_INFINITY);
    });
  });
});
