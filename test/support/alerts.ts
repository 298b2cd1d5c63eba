import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'yaml';
import { REPOSITORY } from './repository.js';

const ALERTING = join(REPOSITORY, 'alerting');

/** Of a file of rules what the tests look at. */
export interface Rules {
  readonly groups: readonly {
    readonly rules: readonly {
      readonly alert?: string;
      readonly record?: string;
      readonly expr: string;
      readonly labels?: Readonly<Record<string, string>>;
    }[];
  }[];
}

/** Of a file of `promtool test rules` what the tests look at. */
export interface RuleTests {
  readonly tests: readonly {
    readonly alert_rule_test?: readonly {
      readonly alertname: string;
      readonly exp_alerts: readonly { readonly exp_labels: Readonly<Record<string, string>> }[];
    }[];
  }[];
}

/** An alert may be defined once for each severity. */
export interface AlertName {
  readonly alert: string;
  readonly severity: string;
}

export function ruleFiles(): Promise<Rules[]> {
  return readAll(ALERTING, '.rules.yml');
}

export function testFiles(): Promise<RuleTests[]> {
  return readAll(join(ALERTING, 'tests'), '.test.yml');
}

async function readAll<T>(folder: string, ending: string): Promise<T[]> {
  const names = (await readdir(folder)).filter((name) => name.endsWith(ending));
  return Promise.all(names.map(async (name) => parse(await readFile(join(folder, name), 'utf8')) as T));
}

export function definedAlerts({ groups }: Rules): AlertName[] {
  return groups
    .flatMap(({ rules }) => rules)
    .flatMap(({ alert, labels }) =>
      alert === undefined ? [] : [{ alert, severity: labels?.severity ?? '(none)' }],
    );
}

/** Those that some test expects to fire; a test that expects silence proves nothing of a rule that never fires. */
export function firedAlerts({ tests }: RuleTests): AlertName[] {
  return tests
    .flatMap(({ alert_rule_test }) => alert_rule_test ?? [])
    .flatMap(({ alertname, exp_alerts }) =>
      exp_alerts.map(({ exp_labels }) => ({
        alert: alertname,
        severity: exp_labels.severity ?? '(none)',
      })),
    );
}

export function missingAlerts(wanted: readonly AlertName[], present: readonly AlertName[]): string[] {
  const name = ({ alert, severity }: AlertName) => `${alert} ${severity}`;
  const there = new Set(present.map(name));
  return [...new Set(wanted.map(name))].filter((wantedName) => !there.has(wantedName));
}
