import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface Pair {
  readonly certFile: string;
  readonly keyFile: string;
  readonly cert: string;
  readonly key: string;
}

const openssl = (...args: string[]) => execFileSync('openssl', args, { stdio: 'pipe' });
const EC = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];

/** Certificates in a folder, for an hour. */
export class Authority {
  readonly caFile: string;
  readonly #keyFile: string;

  constructor(
    private readonly folder: string,
    readonly name = 'ca',
  ) {
    [this.caFile, this.#keyFile] = [join(folder, `${name}.crt`), join(folder, `${name}.key`)];
    openssl(
      'req',
      '-x509',
      ...EC,
      '-days',
      '1',
      '-subj',
      `/CN=${name}`,
      '-keyout',
      this.#keyFile,
      '-out',
      this.caFile,
    );
  }

  get ca(): string {
    return readFileSync(this.caFile, 'utf8');
  }

  /** `alternative` as openssl writes it: `IP:127.0.0.1,DNS:a`. */
  issue(common: string, alternative: string, name = common): Pair {
    const [certFile, keyFile, request, extensions] = ['crt', 'key', 'csr', 'ext'].map((ending) =>
      join(this.folder, `${name}.${ending}`),
    ) as [string, string, string, string];
    openssl('req', ...EC, '-subj', `/CN=${common}`, '-keyout', keyFile, '-out', request);
    writeFileSync(extensions, `subjectAltName=${alternative}\n`);
    const signed = ['-CA', this.caFile, '-CAkey', this.#keyFile, '-CAcreateserial', '-days', '1'];
    openssl('x509', '-req', '-in', request, ...signed, '-extfile', extensions, '-out', certFile);
    const [cert, key] = [readFileSync(certFile, 'utf8'), readFileSync(keyFile, 'utf8')];
    return { certFile, keyFile, cert, key };
  }
}
