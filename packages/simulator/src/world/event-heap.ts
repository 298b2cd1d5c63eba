/** What may happen. Numbers, because millions of them are compared. */
export const EVENT = {
  /** The next request arrives from outside. */
  request: 0,
  /** A call has crossed the network to its callee. */
  reach: 1,
  /** A frame goes on with its program. */
  run: 2,
  /** A burst that was held back may have the processor now. */
  burst: 3,
  /** A reply has crossed the network to the caller. */
  reply: 4,
  /** A wait for a connection has lasted too long. */
  poolTimeout: 5,
  /** A leaked connection is found and given back. */
  poolReclaim: 6,
  /** A fault begins or ends. */
  faultEdge: 7,
  /** Something beside the application takes its next share of a host. */
  stress: 8,
  /** A target is scraped. */
  scrape: 9,
  /** A burst of load begins or ends. */
  loadBurst: 10,
  /** A replica that was asked for is up. */
  replicaUp: 11,
} as const;

/** A binary heap of events on typed arrays: no object is made for an event. */
export class EventHeap {
  private times = new Float64Array(1024);
  private kinds = new Int32Array(1024);
  private ids = new Int32Array(1024);
  private count = 0;
  /** Of the event that `pop` took last. */
  timeMs = 0;
  kind = 0;
  id = 0;

  /** Time of the earliest event. */
  get nextMs(): number {
    return this.count === 0 ? Number.POSITIVE_INFINITY : (this.times[0] as number);
  }

  push(timeMs: number, kind: number, id: number): void {
    if (this.count === this.times.length) this.grow();
    const { times, kinds, ids } = this;
    let hole = this.count++;
    while (hole > 0) {
      const parent = (hole - 1) >> 1;
      const parentMs = times[parent] as number;
      if (parentMs <= timeMs) break;
      times[hole] = parentMs;
      kinds[hole] = kinds[parent] as number;
      ids[hole] = ids[parent] as number;
      hole = parent;
    }
    times[hole] = timeMs;
    kinds[hole] = kind;
    ids[hole] = id;
  }

  /** Takes the earliest event into `timeMs`, `kind` and `id`. */
  pop(): void {
    const { times, kinds, ids } = this;
    this.timeMs = times[0] as number;
    this.kind = kinds[0] as number;
    this.id = ids[0] as number;
    const last = --this.count;
    const timeMs = times[last] as number;
    let hole = 0;
    for (;;) {
      let child = 2 * hole + 1;
      if (child >= last) break;
      if (child + 1 < last && (times[child + 1] as number) < (times[child] as number)) child += 1;
      if ((times[child] as number) >= timeMs) break;
      times[hole] = times[child] as number;
      kinds[hole] = kinds[child] as number;
      ids[hole] = ids[child] as number;
      hole = child;
    }
    times[hole] = timeMs;
    kinds[hole] = kinds[last] as number;
    ids[hole] = ids[last] as number;
  }

  private grow(): void {
    const size = 2 * this.times.length;
    const times = new Float64Array(size);
    times.set(this.times);
    this.times = times;
    for (const field of ['kinds', 'ids'] as const) {
      const grown = new Int32Array(size);
      grown.set(this[field]);
      this[field] = grown;
    }
  }
}
