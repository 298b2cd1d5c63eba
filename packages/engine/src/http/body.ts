import type { IncomingMessage } from 'node:http';
import { failure, type Outcome, success } from '@sage/core';

export type BodyReason = 'too-large' | 'aborted';

/** Bytes of a refused body that are read and thrown away, so that the sender sees the answer and not a reset. */
const DRAIN_BYTES = 64 * 1024 * 1024;

/** The whole body, or `too-large` as soon as that is known: never more than `maxBytes` are held. */
export function readBody(request: IncomingMessage, maxBytes: number): Promise<Outcome<Buffer, BodyReason>> {
  const tooLarge = failure('too-large' as const, `the body is larger than ${maxBytes} bytes`);
  if (Number(request.headers['content-length'] ?? 0) > maxBytes) {
    drain(request);
    return Promise.resolve(tooLarge);
  }
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let size = 0;
    const onData = (chunk: Buffer) => {
      size += chunk.length;
      if (size > maxBytes) {
        stop();
        drain(request);
        resolve(tooLarge);
      } else {
        chunks.push(chunk);
      }
    };
    const onEnd = () => {
      stop();
      resolve(success(Buffer.concat(chunks)));
    };
    const onAborted = () => {
      stop();
      resolve(failure('aborted', 'the connection ended before the body did'));
    };
    const stop = () => {
      request.off('data', onData).off('end', onEnd).off('error', onAborted).off('close', onAborted);
    };
    request.on('data', onData).on('end', onEnd).on('error', onAborted).on('close', onAborted);
  });
}

function drain(request: IncomingMessage): void {
  let drained = 0;
  request.on('error', () => {});
  request.on('data', (chunk: Buffer) => {
    drained += chunk.length;
    if (drained > DRAIN_BYTES) request.destroy();
  });
}
