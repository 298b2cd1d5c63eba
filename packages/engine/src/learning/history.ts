import { appendFile, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { errorMessage, type Logger, type Window, WindowPacker } from '@sage/core';
import { ensureDirectory, parseLines, readIfPresent } from '../storage/files.js';
import { LineFile } from '../storage/line-file.js';
import { Serial } from '../storage/serial.js';
import { decodeWindow, encodeWindow, type RememberedWindow } from './window-codec.js';

export interface HistoryOptions {
  readonly maxWindows: number;
  readonly logger: Logger;
  /** Saved windows of another length are left out: their percentiles are not comparable. Absent: all are taken. */
  readonly windowSeconds?: number;
  /** Windows in one file; the oldest file goes when the others hold enough. */
  readonly segmentWindows?: number;
  /** Adds text to a file; another one than the file system's for tests. */
  readonly append?: (path: string, text: string) => Promise<void>;
}

/** The newest windows, which are kept even if nothing was called in them: what happened of late is shown. */
const RECENT_WINDOWS = 100;

/**
 * So many windows inside incidents, and so many outside, keep their replicas in memory, the newest: of a thousand
 * services a day of them would fill it. An incident, however long, leaves what was normal before it.
 */
const REPLICA_WINDOWS = 60;

interface Segment {
  readonly file: string;
  readonly lines: LineFile;
  windows: number;
}

/**
 * The last windows in memory, packed, and those with calls as JSON lines on disk in segments `windows-<startMs>.jsonl`.
 * A write that fails is logged and costs only that window's persistence.
 */
export class WindowHistory {
  readonly #folder: string;
  readonly #options: HistoryOptions;
  readonly #segmentWindows: number;
  readonly #windows: RememberedWindow[] = [];
  readonly #packer = new WindowPacker();
  /** Those of `#windows` that have replicas, inside incidents and outside, oldest first. */
  readonly #toldInside: RememberedWindow[] = [];
  readonly #toldOutside: RememberedWindow[] = [];
  readonly #segments: Segment[] = [];
  readonly #serial = new Serial();
  #writeFails = false;

  private constructor(folder: string, options: HistoryOptions) {
    this.#folder = folder;
    this.#options = options;
    this.#segmentWindows = options.segmentWindows ?? 512;
  }

  static async open(folder: string, options: HistoryOptions): Promise<WindowHistory> {
    await ensureDirectory(folder);
    const history = new WindowHistory(folder, options);
    const files = (await readdir(folder))
      .filter((file) => /^windows-\d+\.jsonl$/.test(file))
      .sort((a, b) => Number(/\d+/.exec(a)?.[0]) - Number(/\d+/.exec(b)?.[0]));
    let foreign = 0;
    for (const file of files) {
      const path = join(folder, file);
      const { items, damaged } = parseLines((await readIfPresent(path)) ?? '', decodeWindow);
      if (damaged > 0) options.logger.warn('history: damaged windows were skipped', { path, damaged });
      for (const item of items) {
        if (history.#ofOwnLength(item.window)) history.#remember(item);
        else foreign++;
      }
      // A full count makes the next window start a file of its own, whatever state this one was left in.
      history.#segments.push(history.#segment(path, history.#segmentWindows));
    }
    if (foreign > 0) {
      options.logger.warn('history: windows of another length than windows.seconds are left out', {
        windows: foreign,
        windowsSeconds: options.windowSeconds,
      });
    }
    return history;
  }

  /** Those that something can be learnt from, oldest first: some call was seen in them. */
  get learnable(): readonly Window[] {
    return this.windows.filter(({ latency }) => latency.size > 0);
  }

  /** Oldest first. */
  get windows(): readonly Window[] {
    return this.#windows.map(({ window }) => window);
  }

  /** Those outside incidents, oldest first. */
  get normal(): readonly Window[] {
    return this.#windows.filter(({ inIncident }) => !inIncident).map(({ window }) => window);
  }

  get latest(): Window | undefined {
    return this.#windows.at(-1)?.window;
  }

  since(startMs: number): readonly Window[] {
    const first = this.#windows.findIndex(({ window }) => window.endMs > startMs);
    return first < 0 ? [] : this.#windows.slice(first).map(({ window }) => window);
  }

  add(window: Window, inIncident: boolean): void {
    const item = { window, inIncident };
    this.#remember(item);
    if (window.latency.size > 0) void this.#serial.run(() => this.#persist(item));
  }

  async flush(): Promise<void> {
    await this.#serial.idle();
  }

  #ofOwnLength({ startMs, endMs }: Window): boolean {
    const { windowSeconds } = this.#options;
    return windowSeconds === undefined || Math.abs(endMs - startMs - 1000 * windowSeconds) < 1;
  }

  #remember({ window, inIncident }: RememberedWindow): void {
    const item = { window: this.#packer.pack(window), inIncident };
    this.#windows.push(item);
    if (item.window.replicas !== undefined) {
      const told = item.inIncident ? this.#toldInside : this.#toldOutside;
      told.push(item);
      if (told.length > REPLICA_WINDOWS) this.#forgetReplicas(told.shift() as RememberedWindow);
    }
    if (this.#windows.length <= this.#options.maxWindows) return;
    // A quiet night must not cost what the day has taught.
    const idle = this.#windows.findIndex(({ window }) => window.latency.size === 0);
    this.#windows.splice(idle >= 0 && idle < this.#windows.length - RECENT_WINDOWS ? idle : 0, 1);
  }

  #forgetReplicas(item: RememberedWindow): void {
    const index = this.#windows.indexOf(item);
    if (index < 0) return;
    const { replicas: _, ...window } = item.window;
    this.#windows[index] = { ...item, window };
  }

  #segment(file: string, windows: number): Segment {
    const { append = appendFile } = this.#options;
    return { file, lines: new LineFile((text) => append(file, text)), windows };
  }

  async #persist(item: RememberedWindow): Promise<void> {
    try {
      let segment = this.#segments.at(-1);
      if (segment === undefined || segment.windows >= this.#segmentWindows) {
        segment = this.#segment(join(this.#folder, `windows-${Math.round(item.window.startMs)}.jsonl`), 0);
        this.#segments.push(segment);
      }
      await segment.lines.add(encodeWindow(item));
      segment.windows++;
      const keep = Math.ceil(this.#options.maxWindows / this.#segmentWindows) + 1;
      while (this.#segments.length > keep)
        await rm((this.#segments.shift() as Segment).file, { force: true });
      this.#writeFails = false;
    } catch (error) {
      if (!this.#writeFails)
        this.#options.logger.error('history: windows cannot be saved', { error: errorMessage(error) });
      this.#writeFails = true;
    }
  }
}
