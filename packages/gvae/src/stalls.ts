/**
 * How long runs are held up by stalls that come at random: of waits for a page, a processor or a lost packet a run meets
 * none, one or many, each as likely to end at any moment as at any other. So long they take together: a compound Poisson
 * distribution of exponential parts. Of the same mean few long stalls hold up few runs, and many short ones all runs alike.
 */
export class Stalls {
  readonly perRun: number;
  /** All but a thousandth of runs are held up for less, in mean stalls. */
  readonly most: number;
  readonly #beyond: Float64Array;

  constructor(perRun: number) {
    this.perRun = perRun;
    let most = 1;
    while (stalledBeyond(most, perRun) > RAREST) most *= WIDER;
    this.most = most;
    this.#beyond = Float64Array.from({ length: POINTS + 1 }, (_, i) =>
      stalledBeyond((i / POINTS) * most, perRun),
    );
  }

  /** P(a run is held up for longer than so many mean stalls), read off a table: it is asked thousands of times. */
  beyond(delay: number): number {
    if (delay < 0) return 1;
    const at = (delay / this.most) * POINTS;
    if (at >= POINTS) return 0;
    const i = Math.floor(at);
    const [here, next] = [this.#beyond[i] as number, this.#beyond[i + 1] as number];
    return here + (at - i) * (next - here);
  }
}

const POINTS = 128;
const RAREST = 1e-3;
const WIDER = 1.25;
/** Of terms that are left out the sum is less. */
const NEGLIGIBLE = 1e-9;

/**
 * P(N' < N) for N of Poisson(perRun), N' of Poisson(delay): stalls that followed each other without an end would end like
 * a Poisson process, and N of them last longer than `delay` mean stalls when fewer have ended by then.
 */
export function stalledBeyond(delay: number, perRun: number): number {
  let ended = Math.exp(-delay);
  let fewerEnded = ended;
  let stalls = Math.exp(-perRun);
  let left = 1 - stalls;
  let beyond = 0;
  for (let n = 1; left > NEGLIGIBLE; n++) {
    stalls *= perRun / n;
    left -= stalls;
    beyond += stalls * fewerEnded;
    ended *= delay / n;
    fewerEnded += ended;
  }
  return beyond;
}
