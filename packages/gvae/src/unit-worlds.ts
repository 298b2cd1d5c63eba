import type { Rng } from '@sage/core';
import type { Inputs } from './inputs.js';
import type { Layout } from './layout.js';
import type { Mechanism } from './mechanism.js';
import type { Condition, Hidden, LatentNormal, ReadLatents } from './plain-network.js';

/** Interventions of one diagnosis that set a unit differently; the oldest are computed again if they return. */
const MOST_KEPT = 16;

interface Known extends Condition {
  readonly hidden: Hidden;
}

/**
 * The hidden layers of units in all worlds, a column each. Noise comes from streams named by unit, so it is
 * the same for every intervention, and what one has in common with an earlier one is computed once.
 */
export class UnitWorlds {
  readonly #layout: Layout;
  readonly #mechanism: Mechanism;
  readonly #inputs: Inputs;
  readonly #worlds: number;
  readonly #rng: Rng;
  readonly #abducted: Known[][];
  readonly #expected: Known[][];
  readonly #posteriors: (ReadLatents | undefined)[];
  /** As the window has them. */
  readonly #conditions: (Condition | undefined)[];

  constructor(
    { layout, mechanism }: { readonly layout: Layout; readonly mechanism: Mechanism },
    inputs: Inputs,
    { worlds, rng }: { readonly worlds: number; readonly rng: Rng },
  ) {
    this.#layout = layout;
    this.#mechanism = mechanism;
    this.#inputs = inputs;
    this.#worlds = worlds;
    this.#rng = rng;
    this.#abducted = layout.units.map(() => []);
    this.#expected = layout.units.map(() => []);
    this.#posteriors = layout.units.map(() => undefined);
    this.#conditions = layout.units.map(() => undefined);
  }

  /** With Z as the window tells of it, q(Z | X, Y), under a condition; by default that of the window. */
  abducted(unit: number, condition: Condition = this.#read(unit)): Hidden {
    return known(this.#abducted[unit] as Known[], condition, () =>
      this.#mechanism.hidden(unit, condition, this.#posterior(unit)),
    );
  }

  /** With Z as X alone makes it, the mean of p(Z | X): the same in all worlds, so in one column. */
  expected(unit: number, condition: Condition = this.#read(unit)): Hidden {
    return known(this.#expected[unit] as Known[], condition, () => {
      const mean = this.#mechanism.priorMean(unit, condition);
      return this.#mechanism.hidden(unit, condition, this.#mechanism.readLatents(unit, mean));
    });
  }

  #read(unit: number): Condition {
    this.#conditions[unit] ??= this.#mechanism.condition(unit, this.#inputs);
    return this.#conditions[unit];
  }

  #posterior(unit: number): ReadLatents {
    let latents = this.#posteriors[unit];
    if (latents === undefined) {
      const normal = this.#mechanism.posterior(unit, this.#inputs);
      const worlds = drawn(normal, this.#noise(unit, normal.mean.length));
      latents = this.#mechanism.readLatents(unit, worlds);
      this.#posteriors[unit] = latents;
    }
    return latents;
  }

  /** Standard normal, [latent][world]; drawn world by world. */
  #noise(unit: number, latents: number): Float64Array {
    const { channel, service } = this.#layout.units[unit] as Layout['units'][number];
    const rng = this.#rng.fork(`posterior|${channel}|${service}`);
    const noise = new Float64Array(latents * this.#worlds);
    for (let i = 0; i < this.#worlds; i++) {
      for (let d = 0; d < latents; d++) noise[d * this.#worlds + i] = rng.normal();
    }
    return noise;
  }
}

/** μ + σ ε, [latent][world]. */
function drawn({ mean, deviation }: LatentNormal, noise: Float64Array): Float64Array {
  const worlds = noise.length / mean.length;
  const latents = new Float64Array(noise.length);
  for (let d = 0; d < mean.length; d++) {
    const center = mean[d] as number;
    const spread = deviation[d] as number;
    for (let i = d * worlds; i < (d + 1) * worlds; i++) latents[i] = center + spread * (noise[i] as number);
  }
  return latents;
}

/** What was computed for the same condition, or what is computed now. */
function known(entries: Known[], condition: Condition, compute: () => Hidden): Hidden {
  const same = entries.find(
    (entry) => equal(entry.features, condition.features) && equal(entry.load, condition.load),
  );
  if (same !== undefined) return same.hidden;
  const hidden = compute();
  if (entries.length === MOST_KEPT) entries.shift();
  entries.push({ features: condition.features, load: condition.load, hidden });
  return hidden;
}

function equal(a: ArrayLike<number>, b: ArrayLike<number>): boolean {
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
