import type { AddressInfo } from 'node:net';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { DelayLine } from './delay-line.js';

/** Bytes on their way in one direction of one connection; above it the sender is held back. */
const WINDOW_BYTES = 1 << 20;

export interface LinkOptions {
  readonly link: string;
  readonly host: string;
  readonly uniform: () => number;
  readonly nowMs: () => number;
}

export interface LinkState {
  readonly link: string;
  readonly delayMs: number;
  /** Towards the component. */
  readonly receivedBytes: number;
  /** From the component. */
  readonly transmittedBytes: number;
}

/**
 * The line to one component: what is sent to `port` reaches the component and back, each way late by the link's
 * delay. Bytes sent to `echoPort` come back late by both ways: a probe feels what requests feel.
 */
export class Link {
  readonly #options: LinkOptions;
  readonly #relay: Server;
  readonly #echo: Server;
  readonly #sockets = new Set<Socket>();
  #target: { readonly host: string; readonly port: number } | undefined;
  #delayMs = 0;
  #receivedBytes = 0;
  #transmittedBytes = 0;

  constructor(options: LinkOptions) {
    this.#options = options;
    this.#relay = createServer({ noDelay: true, allowHalfOpen: true }, (socket) => this.#forward(socket));
    this.#echo = createServer({ noDelay: true }, (socket) => this.#answerProbe(socket));
  }

  async open(): Promise<{ readonly port: number; readonly echoPort: number }> {
    return { port: await this.#listen(this.#relay), echoPort: await this.#listen(this.#echo) };
  }

  setTarget(target: { readonly host: string; readonly port: number }): void {
    this.#target = target;
  }

  setDelay(delayMs: number): void {
    this.#delayMs = delayMs;
  }

  state(): LinkState {
    return {
      link: this.#options.link,
      delayMs: this.#delayMs,
      receivedBytes: this.#receivedBytes,
      transmittedBytes: this.#transmittedBytes,
    };
  }

  close(): void {
    this.#relay.close();
    this.#echo.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  #listen(server: Server): Promise<number> {
    return new Promise((resolve, reject) => {
      server.once('error', reject);
      server.listen({ host: this.#options.host, port: 0, backlog: 511 }, () => {
        server.off('error', reject);
        resolve((server.address() as AddressInfo).port);
      });
    });
  }

  #forward(client: Socket): void {
    if (this.#target === undefined) {
      client.destroy();
      return;
    }
    const component = connect({ ...this.#target, noDelay: true, allowHalfOpen: true });
    this.#pipe(client, component, (bytes) => {
      this.#receivedBytes += bytes;
    });
    this.#pipe(component, client, (bytes) => {
      this.#transmittedBytes += bytes;
    });
  }

  #answerProbe(socket: Socket): void {
    const back = this.#line((chunk) => socket.write(chunk));
    const there = this.#line((chunk) => back.push(chunk));
    this.#watch(socket, [there, back]);
    socket.on('data', (chunk) => {
      if (there.bytes + back.bytes < WINDOW_BYTES) there.push(chunk);
      else socket.destroy();
    });
  }

  #pipe(from: Socket, to: Socket, count: (bytes: number) => void): void {
    const line = this.#line((chunk) => {
      const room = to.write(chunk) && line.bytes < WINDOW_BYTES;
      if (room) from.resume();
    });
    this.#watch(from, [line]);
    to.on('drain', () => from.resume());
    to.on('close', () => from.destroy());
    from.on('data', (chunk) => {
      count(chunk.length);
      line.push(chunk);
      if (line.bytes >= WINDOW_BYTES || to.writableNeedDrain) from.pause();
    });
    from.on('end', () => line.whenEmpty(() => to.end()));
  }

  #line(deliver: (chunk: Buffer) => void): DelayLine {
    const { uniform, nowMs } = this.#options;
    return new DelayLine({ delayMs: () => this.#delayMs, uniform, nowMs, deliver });
  }

  #watch(socket: Socket, lines: readonly DelayLine[]): void {
    this.#sockets.add(socket);
    // A peer that resets its connection is its own affair; the close that follows cleans up.
    socket.on('error', () => {});
    socket.on('close', () => {
      this.#sockets.delete(socket);
      for (const line of lines) line.clear();
    });
  }
}
