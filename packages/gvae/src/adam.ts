/**
 * Adam (Kingma and Ba 2015) over a flat vector, with the gradient clipped to norm 1 and decoupled weight decay
 * (Loshchilov and Hutter 2019). Mutates what it is given.
 */
export class Adam {
  readonly #decay: number;
  readonly #first: Float32Array;
  readonly #second: Float32Array;
  #steps = 0;

  constructor(size: number, decay: number) {
    this.#decay = decay;
    this.#first = new Float32Array(size);
    this.#second = new Float32Array(size);
  }

  step(parameters: Float32Array, gradient: Float32Array, rate: number): void {
    this.#steps += 1;
    let square = 0;
    for (let i = 0; i < gradient.length; i++) square += (gradient[i] as number) ** 2;
    if (!Number.isFinite(square)) return;
    const clip = 1 / Math.max(1, Math.sqrt(square));
    const unbiasFirst = 1 / (1 - 0.9 ** this.#steps);
    const unbiasSecond = 1 / (1 - 0.999 ** this.#steps);
    const first = this.#first;
    const second = this.#second;
    for (let i = 0; i < parameters.length; i++) {
      const slope = clip * (gradient[i] as number);
      const m = 0.9 * (first[i] as number) + 0.1 * slope;
      const v = 0.999 * (second[i] as number) + 0.001 * slope * slope;
      first[i] = m;
      second[i] = v;
      const kept = (1 - rate * this.#decay) * (parameters[i] as number);
      parameters[i] = kept - (rate * m * unbiasFirst) / (Math.sqrt(v * unbiasSecond) + 1e-8);
    }
  }
}

const FIRST_RATE = 1e-2;
const LAST_RATE = 1e-4;

/** Falls as a cosine over [0, 1] of the training (Loshchilov and Hutter 2017). */
export function learningRate(progress: number): number {
  return LAST_RATE + 0.5 * (FIRST_RATE - LAST_RATE) * (1 + Math.cos(Math.PI * Math.min(1, progress)));
}
