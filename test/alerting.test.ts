import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import {
  type AlertName,
  definedAlerts,
  firedAlerts,
  missingAlerts,
  type RuleTests,
  ruleFiles,
  testFiles,
} from './support/alerts.js';
import { REPOSITORY } from './support/repository.js';
import { runTool } from './support/run-tool.js';
import { requirePrograms } from './support/tools.js';

const ALERTING = join(REPOSITORY, 'alerting');

describe('alerting/, by promtool and amtool', function () {
  this.timeout(180_000);
  let tools: { promtool: string; amtool: string };

  before(function () {
    tools = requirePrograms(this, { promtool: ['promtool'], amtool: ['amtool'] });
  });

  const passes = async (tool: string, args: readonly string[]) => {
    const { code, output } = await runTool(tool, args, { cwd: ALERTING });
    expect(code, output).to.equal(0);
    return output;
  };

  it('has rules that Prometheus accepts', async () => {
    const rules = (await readdir(ALERTING)).filter((name) => name.endsWith('.rules.yml'));
    expect(rules).to.have.length.greaterThan(1);
    await passes(tools.promtool, ['check', 'rules', ...rules]);
  });

  it('has rules that pass their unit tests', async () => {
    const tests = (await readdir(join(ALERTING, 'tests'))).map((name) => `tests/${name}`);
    await passes(tools.promtool, ['test', 'rules', ...tests]);
  });

  it('has unit tests that can fail', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'sage-alerting-'));
    try {
      const test = await readFile(join(ALERTING, 'tests/sage-objectives.test.yml'), 'utf8');
      const wrong = test.replace('../', `${ALERTING}/`).replace('values: 0.12x60', 'values: 12x60');
      await writeFile(join(folder, 'wrong.test.yml'), wrong.replaceAll('values: 0.12x60', 'values: 12x60'));
      const { code } = await runTool(tools.promtool, ['test', 'rules', join(folder, 'wrong.test.yml')]);
      expect(code).to.not.equal(0);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it('has an example of a Prometheus configuration', async () => {
    await passes(tools.promtool, ['check', 'config', 'prometheus.yml']);
  });

  it('has an Alertmanager configuration', async () => {
    await passes(tools.amtool, ['check-config', 'alertmanager.yml']);
  });

  const routes: [string[], string][] = [
    [['alertname=SageObjectiveBroken', 'severity=diagnose', 'qos=search'], 'sage'],
    [['alertname=SageErrorBudgetBurn', 'severity=page', 'qos=search'], 'people'],
    [['alertname=SageDown', 'severity=ticket'], 'people'],
    [['alertname=Other'], 'people'],
  ];
  for (const [labels, receiver] of routes) {
    it(`routes ${labels.join(' ')} to ${receiver}`, async () => {
      const args = [
        'config',
        'routes',
        'test',
        '--config.file=alertmanager.yml',
        `--verify.receivers=${receiver}`,
      ];
      await passes(tools.amtool, [...args, ...labels]);
    });
  }
});

describe('alerting/tests', () => {
  const defined: AlertName[] = [];
  const fired: AlertName[] = [];
  before(async () => {
    const [rules, tests] = await Promise.all([ruleFiles(), testFiles()]);
    defined.push(...rules.flatMap(definedAlerts));
    fired.push(...tests.flatMap(firedAlerts));
  });

  it('let every alert fire, in each of its severities', () => {
    expect(defined).to.have.length.greaterThan(10);
    expect(missingAlerts(defined, fired)).to.deep.equal([]);
  });

  it('know no alert that is not defined', () => {
    expect(missingAlerts(fired, defined)).to.deep.equal([]);
  });

  it('are of alerts that README.md explains', async () => {
    const readme = await readFile(join(ALERTING, 'README.md'), 'utf8');
    const names = new Set(defined.map(({ alert }) => alert));
    expect([...names].filter((name) => !readme.includes(`\`${name}\``))).to.deep.equal([]);
  });

  describe('count an alert as fired', () => {
    const rules = {
      groups: [
        {
          name: 'g',
          rules: [
            { alert: 'Burn', expr: 'a', labels: { severity: 'page' } },
            { alert: 'Burn', expr: 'b', labels: { severity: 'ticket' } },
            { record: 'c', expr: 'd' },
          ],
        },
      ],
    };
    const ticket = { exp_labels: { severity: 'ticket', qos: 'search' } };
    const cases: [string, unknown[], string[]][] = [
      ['not where it is only named', [{ alertname: 'Burn', exp_alerts: [] }], ['Burn page', 'Burn ticket']],
      ['in the severity that is expected', [{ alertname: 'Burn', exp_alerts: [ticket] }], ['Burn page']],
      [
        'in each severity of one test',
        [{ alertname: 'Burn', exp_alerts: [ticket, { exp_labels: { severity: 'page' } }] }],
        [],
      ],
    ];
    for (const [what, alert_rule_test, missing] of cases) {
      it(what, () => {
        const tests = { tests: [{ alert_rule_test }] } as RuleTests;
        expect(missingAlerts(definedAlerts(rules), firedAlerts(tests))).to.deep.equal(missing);
      });
    }
  });
});
