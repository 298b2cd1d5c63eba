/** Where text goes; `isTTY` where it is a terminal, on which a line can be drawn again. */
export interface TextSink {
  write(text: string): unknown;
  readonly isTTY?: boolean;
}

const LINE_EVERY_MS = 5_000;
const BAR_WIDTH = 28;

/** How far long work has come: a bar that redraws itself on a terminal, a line every few seconds elsewhere. */
export class ProgressDisplay {
  readonly #sink: TextSink;
  readonly #now: () => number;
  readonly #startMs: number;
  #barShown = false;
  #lastLineMs = Number.NEGATIVE_INFINITY;

  /** `now` in milliseconds, from any origin. */
  constructor(sink: TextSink, now: () => number) {
    this.#sink = sink;
    this.#now = now;
    this.#startMs = now();
  }

  /** `part` of the work is done, 0..1. */
  show(part: number, words: string): void {
    if (this.#sink.isTTY === true) {
      const full = Math.round(Math.min(1, Math.max(0, part)) * BAR_WIDTH);
      this.#sink.write(`\r\x1b[2K       ${'█'.repeat(full)}${'░'.repeat(BAR_WIDTH - full)}  ${words}`);
      this.#barShown = true;
    } else if (this.#now() - this.#lastLineMs >= LINE_EVERY_MS) {
      this.#lastLineMs = this.#now();
      this.#sink.write(`${formatElapsed((this.#now() - this.#startMs) / 1000)}  ${words}\n`);
    }
  }

  /** Takes the bar away, before anything else is written to the terminal. */
  clear(): void {
    if (this.#barShown) this.#sink.write('\r\x1b[2K');
    this.#barShown = false;
  }
}

/** `m:ss`, as a stopwatch shows it. */
export function formatElapsed(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, '0')}`;
}
