import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import semver from 'semver';
import { readManifest } from './support/packages.js';
import { REPOSITORY } from './support/repository.js';

interface Lock {
  readonly packages: Readonly<
    Record<string, { readonly engines?: { readonly node?: string } | readonly string[] }>
  >;
}

describe('the locked packages', () => {
  it('run on the oldest Node.js that Sage promises to run on', () => {
    const promised = (readManifest('.') as { engines?: { node?: string } }).engines?.node ?? '';
    const oldest = semver.minVersion(promised)?.version ?? '';
    const lock = JSON.parse(readFileSync(join(REPOSITORY, 'package-lock.json'), 'utf8')) as Lock;
    const refused = Object.entries(lock.packages).flatMap(([name, { engines }]) => {
      const wanted = engines !== undefined && 'node' in engines ? engines.node : undefined;
      return wanted === undefined || semver.satisfies(oldest, wanted) ? [] : [`${name} wants ${wanted}`];
    });
    expect(oldest).to.match(/^20\./);
    expect(refused).to.deep.equal([]);
  });
});
