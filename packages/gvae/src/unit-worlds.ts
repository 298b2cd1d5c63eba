import type { Rng } from '@sage/core';
import type { Inputs } from './inputs.js';
import { LATENT, type Layout } from './layout.js';
import type { Mechanism } from './mechanism.js';
import type { Condition, LatentNormal } from './plain-network.js';
import type { UnitSetting } from './setting.js';

/** Interventions of one diagnosis that set a unit differently; the oldest are computed again if they return. */
const MOST_KEPT = 16;

interface Known extends UnitSetting {
  readonly hidden: Float64Array;
}

/**
 * The hidden layers of units in all worlds, [hidden][world]. Noise comes from streams named by unit, so it is
 * the same for every intervention, and what one has in common with an earlier one is computed once.
 */
export class UnitWorlds {
  readonly #layout: Layout;
  readonly #mechanism: Mechanism;
  readonly #inputs: Inputs;
  readonly #worlds: number;
  readonly #rng: Rng;
  readonly #known: Known[][];
  readonly #posteriors: (Float64Array | undefined)[];
  readonly #priorNoises: (Float64Array | undefined)[];

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
    this.#known = layout.units.map(() => []);
    this.#posteriors = layout.units.map(() => undefined);
    this.#priorNoises = layout.units.map(() => undefined);
  }

  /** As the window was read. */
  before(unit: number): Float64Array {
    return this.after(unit, { ...this.#mechanism.condition(unit, this.#inputs), redrawn: false });
  }

  after(unit: number, setting: UnitSetting): Float64Array {
    const known = this.#known[unit] as Known[];
    const same = known.find((entry) => isSame(entry, setting));
    if (same !== undefined) return same.hidden;
    const latents = setting.redrawn ? this.#prior(unit, setting) : this.#posterior(unit);
    const hidden = this.#mechanism.hidden(unit, setting, latents);
    if (known.length === MOST_KEPT) known.shift();
    known.push({ ...setting, hidden });
    return hidden;
  }

  #posterior(unit: number): Float64Array {
    let latents = this.#posteriors[unit];
    if (latents === undefined) {
      latents = drawn(this.#mechanism.posterior(unit, this.#inputs), this.#noise('posterior', unit));
      this.#posteriors[unit] = latents;
    }
    return latents;
  }

  #prior(unit: number, condition: Condition): Float64Array {
    let noise = this.#priorNoises[unit];
    if (noise === undefined) {
      noise = this.#noise('prior', unit);
      this.#priorNoises[unit] = noise;
    }
    return drawn(this.#mechanism.prior(unit, condition), noise);
  }

  /** Standard normal, [LATENT][world]; drawn world by world. */
  #noise(stream: 'posterior' | 'prior', unit: number): Float64Array {
    const { channel, service } = this.#layout.units[unit] as Layout['units'][number];
    const rng = this.#rng.fork(`${stream}|${channel}|${service}`);
    const noise = new Float64Array(LATENT * this.#worlds);
    for (let i = 0; i < this.#worlds; i++) {
      for (let d = 0; d < LATENT; d++) noise[d * this.#worlds + i] = rng.normal();
    }
    return noise;
  }
}

/** μ + σ ε, [LATENT][world]. */
function drawn({ mean, deviation }: LatentNormal, noise: Float64Array): Float64Array {
  const worlds = noise.length / LATENT;
  const latents = new Float64Array(noise.length);
  for (let d = 0; d < LATENT; d++) {
    const center = mean[d] as number;
    const spread = deviation[d] as number;
    for (let i = d * worlds; i < (d + 1) * worlds; i++) latents[i] = center + spread * (noise[i] as number);
  }
  return latents;
}

function isSame(a: UnitSetting, b: UnitSetting): boolean {
  return a.redrawn === b.redrawn && equal(a.features, b.features) && equal(a.load, b.load);
}

function equal(a: ArrayLike<number>, b: ArrayLike<number>): boolean {
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
