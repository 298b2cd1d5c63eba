import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { FEATURE_NAMES, FEATURES } from '@sage/core';
import { DEFAULT_PROMETHEUS_FEATURES } from '@sage/telemetry-source';
import { expect } from 'chai';
import { z } from 'zod';
import { loadConfig } from '../src/config/load.js';
import { configSchema } from '../src/config/schema.js';

const reference = readFileSync(fileURLToPath(new URL('../../README.md', import.meta.url)), 'utf8');

interface Described {
  readonly items?: Described;
  readonly properties?: Readonly<Record<string, Described>>;
}

/** Every key that takes a value, as it is written in the reference: `objectives[].name`. */
function keysOf(schema: Described, path: string): string[] {
  if (schema.items !== undefined) return keysOf(schema.items, `${path}[]`);
  if (schema.properties === undefined || path === 'prometheus.features') return [path];
  return Object.entries(schema.properties).flatMap(([key, inner]) =>
    keysOf(inner, path === '' ? key : `${path}.${key}`),
  );
}

/** First cell of the rows of tables, where it is code. */
const firstCells = [...reference.matchAll(/^\| `([^`]+)` \|/gm)].map(([, cell = '']) => cell);

describe('the reference (packages/engine/README.md)', () => {
  it('holds valid configurations', () => {
    const blocks = [...reference.matchAll(/```yaml\n(.*?)```/gs)].map(([, yaml = '']) => yaml);
    expect(blocks).not.to.deep.equal([]);
    for (const yaml of blocks) {
      const loaded = loadConfig(yaml, { readFile: () => 'secret' });
      expect(loaded.ok ? '' : loaded.message, yaml).to.equal('');
    }
  });

  it('explains every key of the configuration, and no other', () => {
    const keys = keysOf(z.toJSONSchema(configSchema, { io: 'input' }) as Described, '');
    const sections =
      /^(listen|data_dir)$|^(objectives|windows|receivers|trigger|prometheus|node_agents|orchestrator|grafana|alertmanager|learning|actuation)[.[]/;
    expect(firstCells.filter((cell) => sections.test(cell))).to.have.members(keys);
  });

  it('shows every feature with its unit and default query', () => {
    const rows = FEATURE_NAMES.map((name) => {
      const query = DEFAULT_PROMETHEUS_FEATURES[name];
      return `| \`${name}\` | ${FEATURES[name].unit} | ${query === undefined ? '–' : `\`${query}\``} |`;
    });
    expect(reference).to.include(`${rows.join('\n')}\n`);
  });
});
