import { errorMessage, type Logger, type Outcome, type Rng } from '@sage/core';
import { Backoff, pause } from '../backoff.js';
import type { ApiFailure } from './api-failure.js';
import type { WatchEvent } from './watch-stream.js';

export interface Page {
  readonly items: readonly unknown[];
  readonly resourceVersion: string;
  /** Where the next page begins; empty on the last one. */
  readonly next: string;
}

export interface ReflectorOptions<T> {
  /** For the log: `pods in shop`. */
  readonly what: string;
  /** `next`: empty for the first page. */
  list(next: string): Promise<Outcome<Page, never> | ApiFailure>;
  watch(resourceVersion: string): Promise<Outcome<AsyncIterable<WatchEvent>, never> | ApiFailure>;
  /** All of an object that is kept, or undefined where it is not wanted. */
  keep(object: unknown): T | undefined;
  readonly onChange: () => void;
  readonly logger: Logger;
  readonly rng: Rng;
  readonly retryMs: number | undefined;
  readonly signal: AbortSignal;
}

interface Meta {
  readonly metadata?: { readonly uid?: string; readonly resourceVersion?: string };
}

/**
 * A copy of what the server has of one kind of object: a list in pages, then a watch from where the list was taken. A
 * watch that ends goes on from the last version seen, bookmarks included; a version that the server has forgotten (410)
 * is listed anew, with the copy there until the new one is whole.
 */
export class Reflector<T> {
  readonly #options: ReflectorOptions<T>;
  readonly #backoff: Backoff;
  #kept = new Map<string, T>();
  #version: string | undefined;
  #synced = false;
  #failure: string | undefined;

  constructor(options: ReflectorOptions<T>) {
    this.#options = options;
    this.#backoff = new Backoff(options.rng, options.retryMs);
  }

  get items(): Iterable<T> {
    return this.#kept.values();
  }

  /** Whether there was a whole list once. */
  get synced(): boolean {
    return this.#synced;
  }

  /** Why it does not follow at the moment, or undefined where it does. */
  get failure(): string | undefined {
    return this.#failure;
  }

  /** Follows until it is aborted. */
  async run(): Promise<void> {
    const { signal } = this.#options;
    while (!signal.aborted) {
      const failed = this.#version === undefined ? await this.#list() : await this.#watch(this.#version);
      if (signal.aborted) return;
      if (failed === undefined) continue;
      if (failed.reason === 'expired' && this.#version !== undefined) this.#version = undefined;
      else this.#report(failed.message);
      await pause(this.#backoff.nextMs(failed.retryAfterMs), signal);
    }
  }

  async #list(): Promise<ApiFailure | undefined> {
    const kept = new Map<string, T>();
    let next = '';
    let version: string;
    do {
      const page = await this.#options.list(next);
      if (!page.ok) return page;
      for (const item of page.value.items) this.#put(kept, item);
      next = page.value.next;
      version = page.value.resourceVersion;
    } while (next !== '');
    this.#kept = kept;
    this.#version = version;
    this.#synced = true;
    this.#recovered();
    this.#options.onChange();
    return undefined;
  }

  async #watch(version: string): Promise<ApiFailure | undefined> {
    const opened = await this.#options.watch(version);
    if (!opened.ok) return opened;
    let seen = 0;
    try {
      for await (const event of opened.value) {
        if (event.type === 'ERROR') return errorEvent(event);
        this.#take(event);
        if (seen++ === 0) this.#recovered();
      }
    } catch (error) {
      return { ok: false, reason: 'unreachable', message: `the watch broke: ${errorMessage(error)}` };
    }
    // One that ends at once, again and again, is tried ever more seldom; it is no failure.
    if (seen === 0) await pause(this.#backoff.nextMs(), this.#options.signal);
    return undefined;
  }

  #take({ type, object }: WatchEvent): void {
    const { metadata } = object as Meta;
    this.#version = metadata?.resourceVersion ?? this.#version;
    if (type === 'BOOKMARK') return;
    if (type === 'DELETED') this.#kept.delete(metadata?.uid ?? '');
    else this.#put(this.#kept, object);
    this.#options.onChange();
  }

  #put(kept: Map<string, T>, object: unknown): void {
    const uid = (object as Meta).metadata?.uid;
    if (uid === undefined) return;
    const wanted = this.#options.keep(object);
    if (wanted === undefined) kept.delete(uid);
    else kept.set(uid, wanted);
  }

  #report(message: string): void {
    const { logger, what } = this.#options;
    if (this.#failure === undefined)
      logger.warn(`${what} cannot be followed; trying again`, { error: message });
    this.#failure = message;
  }

  #recovered(): void {
    this.#backoff.reset();
    if (this.#failure === undefined) return;
    this.#failure = undefined;
    this.#options.logger.info(`${this.#options.what} are followed again`);
  }
}

/** The last line of a watch that the server gives up: a `Status`. */
function errorEvent({ object }: WatchEvent): ApiFailure {
  const { code, message } = object as { readonly code?: number; readonly message?: string };
  const reason = code === 410 ? 'expired' : 'unreachable';
  return { ok: false, reason, message: `the watch was ended: ${message ?? `code ${code}`}` };
}
