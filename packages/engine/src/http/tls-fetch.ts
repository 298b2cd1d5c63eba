import { X509Certificate } from 'node:crypto';
import { Agent, request } from 'node:https';
import { createSecureContext } from 'node:tls';
import { errorMessage } from '@sage/core';

/** In PEM. */
export interface TlsIdentity {
  /** Authorities that the server's certificate is of; undefined: those that Node.js knows. */
  readonly ca: string | undefined;
  /** What we show, and its key: both or none. */
  readonly cert: string | undefined;
  readonly key: string | undefined;
}

/** What is wrong with the texts themselves, or undefined. */
export function whyNoIdentity({ ca, cert, key }: TlsIdentity): string | undefined {
  try {
    // A context takes any text for an authority, and then knows none.
    if (ca !== undefined) new X509Certificate(ca);
    createSecureContext({ cert, key });
    return undefined;
  } catch (error) {
    return errorMessage(error);
  }
}

/**
 * `fetch` with authorities and a certificate of one's own, which that of Node.js does not take. Of `init` it knows
 * `method`, `headers`, a text as `body` and `signal`; it follows no redirection.
 */
export function createTlsFetch(identity: TlsIdentity): typeof globalThis.fetch {
  const agent = new Agent({ ...identity, keepAlive: true, minVersion: 'TLSv1.2' });
  return async (input, init = {}) => {
    const wanted = new Request(input, init);
    const body = wanted.body === null ? undefined : await wanted.text();
    const options = {
      agent,
      method: wanted.method,
      headers: Object.fromEntries(wanted.headers),
      signal: wanted.signal,
    };
    return new Promise((resolve, reject) => {
      const sent = request(wanted.url, options, (answer) => {
        const chunks: Buffer[] = [];
        answer.on('data', (chunk: Buffer) => chunks.push(chunk));
        answer.on('error', reject);
        answer.on('end', () => {
          const status = answer.statusCode ?? 500;
          const hasBody = ![204, 205, 304].includes(status);
          resolve(new Response(hasBody ? Buffer.concat(chunks) : null, { status }));
        });
      });
      sent.on('error', reject);
      sent.end(body);
    });
  };
}
