import { connect, type Socket } from 'node:net';
import { median } from '@sage/core';
import type { ProbeConfig } from '../config.js';

export interface ProbeReading {
  /** Median round trip of the recent probes that succeeded; undefined where none did. */
  readonly roundTripMs: number | undefined;
  readonly failureRatio: number;
}

const EVERY_MS = 250;
const TIMEOUT_MS = 1000;
/** Two seconds of probes: their median is not moved by one that the scheduler delayed. */
const REMEMBERED = 8;

/** Asks again and again how long the way to a service takes. One probe is under way at a time. */
export class Probe {
  readonly #config: ProbeConfig;
  readonly #monotonicMs: () => number;
  /** undefined is a failure. */
  readonly #results: (number | undefined)[] = [];
  #timer: NodeJS.Timeout | undefined;
  #kept: Socket | undefined;
  #busy = false;

  constructor(config: ProbeConfig, monotonicMs: () => number) {
    this.#config = config;
    this.#monotonicMs = monotonicMs;
  }

  start(): void {
    this.#timer = setInterval(() => void this.probeOnce(), EVERY_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#kept?.destroy();
    this.#kept = undefined;
  }

  /** undefined before the first probe has ended. */
  reading(): ProbeReading | undefined {
    if (this.#results.length === 0) return undefined;
    const known = this.#results.filter((result) => result !== undefined);
    return {
      roundTripMs: known.length === 0 ? undefined : median(known),
      failureRatio: 1 - known.length / this.#results.length,
    };
  }

  async probeOnce(): Promise<void> {
    if (this.#busy) return;
    this.#busy = true;
    const result = this.#config.mode === 'connect' ? await this.#connect(false) : await this.#echo();
    this.#busy = false;
    this.#results.push(result);
    if (this.#results.length > REMEMBERED) this.#results.shift();
  }

  async #echo(): Promise<number | undefined> {
    if (this.#kept === undefined || this.#kept.destroyed) {
      if ((await this.#connect(true)) === undefined) return undefined;
    }
    const socket = this.#kept as Socket;
    return new Promise((resolve) => {
      const start = this.#monotonicMs();
      const end = (result: number | undefined) => {
        clearTimeout(timer);
        socket.off('data', onData).off('close', onClose);
        // An answer that comes late would be taken for that of the next probe.
        if (result === undefined) socket.destroy();
        resolve(result);
      };
      const onData = () => end(this.#monotonicMs() - start);
      const onClose = () => end(undefined);
      const timer = setTimeout(onClose, TIMEOUT_MS);
      socket.once('data', onData).once('close', onClose);
      socket.write('.');
    });
  }

  #connect(keep: boolean): Promise<number | undefined> {
    return new Promise((resolve) => {
      const start = this.#monotonicMs();
      const socket = connect({ host: this.#config.host, port: this.#config.port, noDelay: true });
      const fail = () => {
        clearTimeout(timer);
        socket.destroy();
        resolve(undefined);
      };
      const timer = setTimeout(fail, TIMEOUT_MS);
      // Stays for the life of the socket: a kept connection that breaks is noticed by its `close`.
      socket.on('error', fail);
      socket.once('connect', () => {
        clearTimeout(timer);
        if (keep) this.#kept = socket;
        else socket.destroy();
        resolve(this.#monotonicMs() - start);
      });
    });
  }
}
