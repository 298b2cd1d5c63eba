import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { parse } from 'yaml';
import { loadAgentConfig } from '../src/config.js';
import { parseActionRequest } from '../src/request.js';
import { unwrap } from './fixture.js';

const README = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');

function blocks(language: string): string[] {
  const fenced = new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\`$`, 'gms');
  return [...README.matchAll(fenced)].map((match) => match[1] as string);
}

/** Every key, however deep, that an object has. */
function keys(value: unknown): string[] {
  if (Array.isArray(value)) return value.flatMap(keys);
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) => [key, ...keys(inner)]);
}

describe('README.md of the node agent', () => {
  const [least = '', all = ''] = blocks('yaml');

  it('has configurations that load, the least one first', () => {
    expect(blocks('yaml')).to.have.length(2);
    for (const text of blocks('yaml')) unwrap(loadAgentConfig(text));
    expect(least.split('\n').length).to.be.lessThan(all.split('\n').length);
  });

  it('shows the defaults', () => {
    const [defaults, shown] = [unwrap(loadAgentConfig(least)), unwrap(loadAgentConfig(all))];
    const { node, journal, targets, coRunners, tokenFile, tls, limits, ...rest } = defaults;
    expect(shown).to.deep.include(rest);
    expect(shown.limits).to.deep.equal({ ...limits, bounds: shown.limits.bounds });
    expect(shown.coRunners.suspend).to.equal(coRunners.suspend);
    const [target, shownTarget] = [targets[0], shown.targets[0]];
    expect(shownTarget).to.include({
      maxCpuCores: target?.maxCpuCores,
      maxCpuWeight: target?.maxCpuWeight,
      maxDiskWeight: target?.maxDiskWeight,
      minMemoryBytes: target?.minMemoryBytes,
      maxPoolSize: target?.maxPoolSize,
    });
  });

  it('shows every key', () => {
    const resolved = unwrap(loadAgentConfig(all));
    const snake = (key: string) => key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
    const shown = keys(parse(all));
    expect(
      keys(resolved)
        .map(snake)
        .filter((key) => !shown.includes(key)),
    ).to.deep.equal([]);
    // Ways to name a target exclude each other: all of them together show every key.
    const targets = resolved.targets.map((target) =>
      Object.fromEntries(Object.entries(target).filter(([, value]) => value !== undefined)),
    );
    expect(
      Object.values({ ...resolved, ...resolved.targets[0], ...Object.assign({}, ...targets) }),
    ).to.not.include(undefined);
  });

  it('has requests of every kind that are accepted', () => {
    const requests = blocks('json').flatMap((text) => text.trim().split('\n'));
    const kinds = requests.map((text) => unwrap(parseActionRequest(JSON.parse(text))).action.kind);
    expect([...kinds].sort()).to.deep.equal([
      'cpu-frequency',
      'cpu-quota',
      'cpu-set',
      'cpu-weight',
      'disk-weight',
      'limit-corunner',
      'limit-corunner',
      'limit-corunner',
      'link-delay',
      'link-rate',
      'link-rate',
      'llc-ways',
      'memory-bandwidth',
      'memory-limit',
      'pool-size',
    ]);
  });
});
