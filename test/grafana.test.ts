import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { ruleFiles } from './support/alerts.js';
import { engineMetrics } from './support/engine-metrics.js';
import {
  type Dashboard,
  fixedRanges,
  labelValues,
  layoutProblems,
  variableQuery,
} from './support/grafana.js';
import { REPOSITORY } from './support/repository.js';
import { runTool } from './support/run-tool.js';
import { requirePrograms } from './support/tools.js';

const FOLDER = join(REPOSITORY, 'grafana/dashboards');
// biome-ignore lint/suspicious/noTemplateCurlyInString: the placeholder is Grafana's.
const DATA_SOURCE = { type: 'prometheus', uid: '${datasource}' };

/** What Grafana would put in place of its variables. */
function substituted(expr: string): string {
  return expr.replaceAll('$__rate_interval', '1m').replaceAll('$qos', '.*');
}

/** Series of Sage's own, those that rules record included, that a text of PromQL names. */
function seriesIn(text: string): string[] {
  return text.match(/\b(?:sage_|slo:|service_operation:)[a-z0-9_:]+/g) ?? [];
}

describe('grafana/', () => {
  let dashboards: [string, Dashboard][];
  let metrics: ReadonlyMap<string, readonly string[]>;
  let recorded: Set<string>;
  let ruleExprs: string[];

  before(async () => {
    const files = (await readdir(FOLDER)).filter((name) => name.endsWith('.json'));
    const read = async (name: string): Promise<[string, Dashboard]> => [
      name,
      JSON.parse(await readFile(join(FOLDER, name), 'utf8')),
    ];
    dashboards = await Promise.all(files.map(read));
    metrics = await engineMetrics();
    const rules = (await ruleFiles()).flatMap(({ groups }) => groups).flatMap((group) => group.rules);
    recorded = new Set(rules.flatMap(({ record }) => record ?? []));
    ruleExprs = rules.map(({ expr }) => expr);
  });

  const exists = (series: string) =>
    recorded.has(series) || metrics.has(series) || metrics.has(series.replace(/_(bucket|sum|count)$/, ''));
  const targetsOf = ({ panels }: Dashboard) => panels.flatMap(({ targets }) => targets);

  it('has dashboards with stable, different uids, and shows the incidents that Sage annotates', () => {
    expect(dashboards).to.have.length.greaterThan(0);
    expect(new Set(dashboards.map(([, { uid }]) => uid)).size).to.equal(dashboards.length);
    for (const [file, dashboard] of dashboards) {
      expect(dashboard.uid, file).to.equal(file.replace(/\.json$/, ''));
      expect(dashboard.schemaVersion, file).to.be.at.least(36);
      const shown = dashboard.annotations.list.filter(({ enable, hide }) => enable && !hide);
      expect(shown.map(({ target }) => target?.type === 'tags' && target.tags)).to.deep.include(['sage']);
    }
  });

  it('has variables that ask the chosen data source for labels that are there', () => {
    for (const [file, { templating }] of dashboards) {
      expect(templating.list.map(({ type }) => type)).to.include('datasource');
      for (const variable of templating.list) {
        const query = variableQuery(variable);
        if (query === undefined) continue;
        const name = `${file}: $${variable.name}`;
        expect(variable.datasource, name).to.deep.equal(DATA_SOURCE);
        expect(variable.definition, `${name}: what Grafana shows of the query`).to.equal(query);
        const { metric = '', label } = labelValues(query) ?? {};
        expect(metrics.get(metric) ?? [], `${name} asks ${query}`).to.include(label);
      }
    }
  });

  it('has panels with a title, a description, a unit, queries and an id of their own', () => {
    for (const [file, { panels }] of dashboards) {
      expect(new Set(panels.map(({ id }) => id)).size, `${file}: ids`).to.equal(panels.length);
      expect(new Set(panels.map(({ title }) => title)).size, `${file}: titles`).to.equal(panels.length);
      for (const panel of panels) {
        const name = `${file}: ${panel.title}`;
        expect(panel.title, name).to.match(/\S/);
        expect(panel.description, name).to.match(/^[A-Z].*\.$/s);
        expect(panel.fieldConfig.defaults.unit, name).to.match(/\S/);
        expect(panel.datasource, name).to.deep.equal(DATA_SOURCE);
        expect(panel.targets.length, name).to.be.greaterThan(0);
        expect(new Set(panel.targets.map(({ refId }) => refId)).size, name).to.equal(panel.targets.length);
        for (const target of panel.targets) {
          expect(target.datasource, name).to.deep.equal(DATA_SOURCE);
          expect(target.expr, name).to.match(/\S/);
          expect(fixedRanges(target.expr), `${name}: fixed ranges`).to.deep.equal([]);
        }
      }
    }
  });

  it('has panels side by side, the culprit by name among those seen first', () => {
    for (const [file, { panels }] of dashboards) {
      expect(layoutProblems(panels), file).to.deep.equal([]);
      const culprit = panels.find(
        ({ type, targets }) =>
          ['table', 'nodeGraph'].includes(type) &&
          targets.some(({ expr }) => /\bsage_root_cause\{/.test(expr)),
      );
      expect(culprit?.gridPos.y, `${file}: the row of the culprit`).to.be.at.most(4);
    }
  });

  it('has queries that Prometheus parses', async function () {
    this.timeout(20_000);
    const { promtool } = requirePrograms(this, { promtool: ['promtool'] });
    const exprs = dashboards.flatMap(([, dashboard]) => targetsOf(dashboard).map(({ expr }) => expr));
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

  it('and alerting/ use only series that Sage exports or a rule records', () => {
    const exprs = dashboards.flatMap(([, dashboard]) => targetsOf(dashboard).map(({ expr }) => expr));
    const used = new Set([...exprs, ...ruleExprs].flatMap(seriesIn));
    expect(used.size).to.be.greaterThan(20);
    expect([...used].filter((series) => !exists(series))).to.deep.equal([]);
  });

  describe('is checked by rules that', () => {
    const at = (title: string, x: number, y: number, w = 12, h = 8) => ({ title, gridPos: { x, y, w, h } });
    const layouts: [string, ReturnType<typeof at>[], string[]][] = [
      ['accept panels that touch', [at('a', 0, 0), at('b', 12, 0), at('c', 0, 8)], []],
      ['see panels that overlap', [at('a', 0, 0), at('b', 6, 7)], ['b lies on a']],
      ['see panels beyond the grid', [at('a', 13, 0)], ['a lies beyond the grid']],
    ];
    for (const [what, panels, problems] of layouts) {
      it(what, () => {
        expect(layoutProblems(panels)).to.deep.equal(problems);
      });
    }
    it('see fixed ranges', () => {
      expect(fixedRanges('rate(a[$__rate_interval]) / rate(b[5m]) + max_over_time(c[1h:1m])')).to.deep.equal([
        '[5m]',
        '[1h:1m]',
      ]);
    });
    it('see recorded and exported series', () => {
      expect(seriesIn('slo:a:b{qos="x"} > sage_c and ALERTS{alertname="SageD"}')).to.deep.equal([
        'slo:a:b',
        'sage_c',
      ]);
    });
  });
});
