import type { IncomingMessage } from 'node:http';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { errorMessage, failure, type Outcome, success } from '@sage/core';

const gunzipAsync = promisify(gunzip);

export type BodyFailure = 'body_too_large' | 'bad_gzip' | 'unsupported_encoding' | 'aborted' | 'overloaded';

export interface BodyLimits {
  /** Of one body, as sent and inflated. */
  readonly maxBodyBytes: number;
  /** Of all bodies being received at once, as sent. */
  readonly maxBufferedBytes: number;
}

/** Bodies inflated at once: each may take `maxBodyBytes` for as long as that lasts; the others wait compressed. */
const MAX_INFLATING = 2;

/**
 * Reads bodies of requests within limits: never more in memory than `maxBufferedBytes` as sent and twice
 * `maxBodyBytes` inflated, whatever is sent.
 */
export class BodyReader {
  readonly #limits: BodyLimits;
  #bufferedBytes = 0;
  #inflating = 0;
  readonly #waiting: (() => void)[] = [];

  constructor(limits: BodyLimits) {
    this.#limits = limits;
  }

  /** The body, inflated where it is gzip. The rest of one that is refused is left unread. */
  async read(request: IncomingMessage): Promise<Outcome<Buffer, BodyFailure>> {
    const encoding = (request.headers['content-encoding'] ?? 'identity').trim().toLowerCase();
    if (encoding !== 'identity' && encoding !== 'gzip') {
      return failure(
        'unsupported_encoding',
        `content encoding ${JSON.stringify(encoding)} is not supported; send gzip or none`,
      );
    }
    if (Number(request.headers['content-length'] ?? 0) > this.#limits.maxBodyBytes) return this.#tooLarge();
    const held = { bytes: 0 };
    try {
      const sent = await this.#collect(request, held);
      return sent.ok && encoding === 'gzip' ? await this.#inflate(sent.value) : sent;
    } finally {
      this.#bufferedBytes -= held.bytes;
    }
  }

  #tooLarge() {
    return failure(
      'body_too_large',
      `the body is larger than ${this.#limits.maxBodyBytes} bytes; send smaller batches`,
    );
  }

  #collect(request: IncomingMessage, held: { bytes: number }): Promise<Outcome<Buffer, BodyFailure>> {
    return new Promise((resolve) => {
      const chunks: Buffer[] = [];
      const stop = (outcome: Outcome<Buffer, BodyFailure>) => {
        request.removeAllListeners('data');
        chunks.length = 0;
        resolve(outcome);
      };
      request.on('data', (chunk: Buffer) => {
        if (held.bytes + chunk.length > this.#limits.maxBodyBytes) {
          stop(this.#tooLarge());
        } else if (this.#bufferedBytes + chunk.length > this.#limits.maxBufferedBytes) {
          stop(failure('overloaded', 'too many requests are being read at once; send this one again later'));
        } else {
          held.bytes += chunk.length;
          this.#bufferedBytes += chunk.length;
          chunks.push(chunk);
        }
      });
      const aborted = (error?: Error) =>
        stop(failure('aborted', `the body ended early: ${error?.message || 'the connection was closed'}`));
      request.once('end', () => resolve(success(Buffer.concat(chunks))));
      request.once('error', aborted);
      request.once('close', () => aborted());
    });
  }

  async #inflate(sent: Buffer): Promise<Outcome<Buffer, BodyFailure>> {
    if (this.#inflating < MAX_INFLATING) this.#inflating++;
    else await new Promise<void>((turn) => this.#waiting.push(turn));
    try {
      return success(await gunzipAsync(sent, { maxOutputLength: this.#limits.maxBodyBytes }));
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ERR_BUFFER_TOO_LARGE') {
        return this.#tooLarge();
      }
      return failure('bad_gzip', `the body is not gzip: ${errorMessage(error)}`);
    } finally {
      // The turn is handed on, so that nobody slips in between.
      const next = this.#waiting.shift();
      if (next === undefined) this.#inflating--;
      else next();
    }
  }
}
