/** Sums of as many parts as there are steps may fall short of 1 by rounding. */
const ROUNDING = 1e-9;

/** How far a training has come, from 0 to 1, in so many steps or, when it is hastened, in fewer. */
export class Pace {
  #progress = 0;
  #perStep: number;
  #isHastened = false;

  constructor(steps: number) {
    this.#perStep = 1 / steps;
  }

  get isOver(): boolean {
    return this.#progress >= 1 - ROUNDING;
  }

  get isHastened(): boolean {
    return this.#isHastened;
  }

  /** Where the next step stands. */
  next(): number {
    const progress = this.#progress;
    this.#progress += this.#perStep;
    return progress;
  }

  /** What is left takes so many steps at most. */
  endWithin(steps: number): void {
    this.#isHastened = true;
    this.#perStep = Math.max(this.#perStep, (1 - this.#progress) / steps);
  }
}
