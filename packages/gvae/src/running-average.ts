/** Steps that the average reaches back, once there have been many more. */
const REACH = 50;
/** Early on it reaches back over this part of all steps, or what was there at first would weigh too much. */
const EARLY_PART = 1 / 9;

/**
 * The exponential average of parameters over the last steps (Polyak and Juditsky 1992). Each step of a stochastic descent
 * leaps about the minimum, where to is a matter of its batch and in the end of how a backend rounds; the middle of the
 * leaps is nearer to the minimum than any of them, and much less a matter of chance.
 */
export class RunningAverage {
  readonly value: Float32Array;
  #steps = 0;

  constructor(start: Float32Array) {
    this.value = Float32Array.from(start);
  }

  /** From parameters that may be far from the last ones. */
  restart(parameters: Float32Array): void {
    this.value.set(parameters);
  }

  add(parameters: Float32Array): void {
    this.#steps += 1;
    const part = Math.max(1 / REACH, 1 / (1 + EARLY_PART * this.#steps));
    const value = this.value;
    for (let i = 0; i < value.length; i++) {
      const before = value[i] as number;
      value[i] = before + part * ((parameters[i] as number) - before);
    }
  }
}
