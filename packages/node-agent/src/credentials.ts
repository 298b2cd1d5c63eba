import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createSecureContext, type PeerCertificate } from 'node:tls';
import { errorMessage, failure, type Outcome, success } from '@sage/core';
import type { AgentConfig } from './config.js';

/** What the files of the configuration hold that tell friend from stranger. */
export interface Credentials {
  readonly token: string | undefined;
  readonly tls: { readonly cert: string; readonly key: string; readonly ca: string | undefined } | undefined;
}

/** Reads them anew; the failure says which file is wrong and how. */
export function readCredentials(
  config: Pick<AgentConfig, 'tokenFile' | 'tls'>,
): Outcome<Credentials, 'config'> {
  const { tokenFile, tls } = config;
  try {
    const token = tokenFile === undefined ? undefined : read('token_file', tokenFile).trim();
    if (token === '') return failure('config', `token_file ${tokenFile} is empty`);
    if (tls === undefined) return success({ token, tls: undefined });
    const { certFile, keyFile, clientCaFile } = tls;
    const [cert, key] = [read('tls.cert_file', certFile), read('tls.key_file', keyFile)];
    const ca = clientCaFile === undefined ? undefined : read('tls.client_ca_file', clientCaFile);
    check(`tls.cert_file ${certFile} and tls.key_file ${keyFile}`, () => createSecureContext({ cert, key }));
    // A context takes any text for an authority, and then knows none.
    if (ca !== undefined) check(`tls.client_ca_file ${clientCaFile}`, () => new X509Certificate(ca));
    return success({ token, tls: { cert, key, ca } });
  } catch (error) {
    return failure('config', errorMessage(error));
  }
}

function read(key: string, path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new Error(`${key} cannot be read: ${errorMessage(error)}`);
  }
}

function check(what: string, use: () => unknown): void {
  try {
    use();
  } catch (error) {
    throw new Error(
      `${what}: expected certificates in PEM, and the key that belongs to them: ${errorMessage(error)}`,
    );
  }
}

const ALTERNATIVE = /(DNS|URI|email|IP Address):("(?:[^"\\]|\\.)*"|[^,"]*)(?:, |$)/gy;

/**
 * Common and alternative names of a certificate. The latter as Node.js writes them, quoted as in JSON where a name
 * would be mistaken for several:
 *
 *     DNS:engine.sage.svc, URI:spiffe://cluster/ns/sage/sa/engine, URI:"https://a/?x=, DNS:b"
 */
export function certificateNames(
  certificate: Pick<PeerCertificate, 'subject' | 'subjectaltname'>,
): readonly string[] {
  const common = certificate.subject?.CN as string | readonly string[] | undefined;
  const alternative = [...(certificate.subjectaltname ?? '').matchAll(ALTERNATIVE)].map((match) => {
    const text = match[2] as string;
    return text.startsWith('"') ? (JSON.parse(text) as string) : text;
  });
  return [...(common === undefined ? [] : [common].flat()), ...alternative];
}
