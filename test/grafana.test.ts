import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { REPOSITORY } from './support/repository.js';
import { runTool } from './support/run-tool.js';
import { sourceFiles } from './support/source-files.js';
import { requirePrograms } from './support/tools.js';

interface Panel {
  id: number;
  type: string;
  title: string;
  description: string;
  datasource: { uid: string };
  fieldConfig: { defaults: { unit?: string } };
  targets: { refId: string; expr: string }[];
}

interface Dashboard {
  uid: string;
  schemaVersion: number;
  panels: Panel[];
  templating: { list: { name: string; type: string }[] };
  annotations: { list: { target?: { tags?: string[] } }[] };
}

const FOLDER = join(REPOSITORY, 'grafana/dashboards');

/** What Grafana would put in place of its variables. */
function substituted(expr: string): string {
  return expr.replaceAll('$__rate_interval', '1m').replaceAll('$qos', '.*');
}

describe('grafana/', () => {
  let dashboards: [string, Dashboard][];

  before(async () => {
    const files = (await readdir(FOLDER)).filter((name) => name.endsWith('.json'));
    const read = async (name: string): Promise<[string, Dashboard]> => [
      name,
      JSON.parse(await readFile(join(FOLDER, name), 'utf8')),
    ];
    dashboards = await Promise.all(files.map(read));
  });

  it('has dashboards with stable, different uids and a templated data source', () => {
    expect(dashboards).to.have.length.greaterThan(0);
    expect(new Set(dashboards.map(([, { uid }]) => uid)).size).to.equal(dashboards.length);
    for (const [file, dashboard] of dashboards) {
      expect(dashboard.uid, file).to.equal(file.replace(/\.json$/, ''));
      expect(dashboard.schemaVersion, file).to.be.at.least(36);
      expect(dashboard.templating.list.map(({ type }) => type)).to.include('datasource');
      expect(dashboard.annotations.list.flatMap(({ target }) => target?.tags ?? [])).to.include('sage');
    }
  });

  it('has panels with a title, a description, a unit, a query and an id of their own', () => {
    for (const [file, { panels }] of dashboards) {
      expect(new Set(panels.map(({ id }) => id)).size, `${file}: ids`).to.equal(panels.length);
      expect(new Set(panels.map(({ title }) => title)).size, `${file}: titles`).to.equal(panels.length);
      for (const panel of panels) {
        const name = `${file}: ${panel.title}`;
        expect(panel.title, name).to.match(/\S/);
        expect(panel.description, name).to.match(/^[A-Z].*\.$/s);
        expect(panel.fieldConfig.defaults.unit, name).to.match(/\S/);
        expect(panel.datasource.uid, name).to.match(/^\$\{datasource\}$/);
        expect(panel.targets.length, name).to.be.greaterThan(0);
        expect(panel.targets.map(({ expr }) => expr.trim() !== '')).to.not.include(false);
        expect(
          panel.targets.every(({ expr }) => !/\[\d+[smh]\]/.test(expr)),
          `${name}: fixed rate interval`,
        ).to.equal(true);
      }
    }
  });

  it('has queries that Prometheus parses', async function () {
    this.timeout(20_000);
    const { promtool } = requirePrograms(this, { promtool: ['promtool'] });
    const exprs = dashboards.flatMap(([, { panels }]) =>
      panels.flatMap(({ targets }) => targets.map(({ expr }) => expr)),
    );
    const rules = exprs.map((expr, i) => ({ record: `query_${i}`, expr: substituted(expr) }));
    const folder = await mkdtemp(join(tmpdir(), 'sage-grafana-'));
    try {
      // JSON is YAML.
      await writeFile(join(folder, 'rules.yml'), JSON.stringify({ groups: [{ name: 'queries', rules }] }));
      const { code, output } = await runTool(promtool, ['check', 'rules', join(folder, 'rules.yml')]);
      expect(code, output).to.equal(0);
      expect(output).to.contain(`${exprs.length} rules found`);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it('and alerting/ use only metrics that Sage exports', async () => {
    const exported = new Set<string>();
    for (const file of await sourceFiles('packages/engine/src')) {
      for (const [, name] of file.text.matchAll(/'(sage_[a-z0-9_]+)'/g)) exported.add(name as string);
    }
    const alerting = await readdir(join(REPOSITORY, 'alerting'));
    const texts = await Promise.all(
      alerting
        .filter((name) => name.endsWith('.rules.yml'))
        .map((name) => readFile(join(REPOSITORY, 'alerting', name), 'utf8')),
    );
    texts.push(
      ...dashboards.flatMap(([, { panels }]) =>
        panels.flatMap(({ targets }) => targets.map(({ expr }) => expr)),
      ),
    );
    const used = new Set(texts.flatMap((text) => text.match(/\bsage_[a-z0-9_]+/g) ?? []));
    const base = (name: string) => name.replace(/_(bucket|sum|count)$/, '');
    expect(used.size).to.be.greaterThan(8);
    expect([...used].filter((name) => !exported.has(name) && !exported.has(base(name)))).to.deep.equal([]);
  });
});
