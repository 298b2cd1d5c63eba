import { FEATURE_NAMES, FEATURES } from '@sage/core';
import { Counter, Gauge, Registry } from 'prom-client';
import type { Keeper } from './keeper.js';
import type { Sampler } from './sampling/sampler.js';

export interface AgentFacts {
  readonly damagedJournalLines: number;
  /** Of the token and the certificates, on SIGHUP. */
  readonly lastReloadSuccessful: boolean;
}

/** The exposition: the latest samples as `sage_node_<feature>{service}`, and what was done. Read when scraped. */
export function createMetrics(sampler: Sampler, keeper: Keeper, facts: () => AgentFacts): Registry {
  const registry = new Registry();
  for (const feature of FEATURE_NAMES) {
    new Gauge({
      name: `sage_node_${feature}`,
      help: `${FEATURES[feature].help} [${FEATURES[feature].unit}]`,
      labelNames: ['service'],
      registers: [registry],
      collect() {
        this.reset();
        for (const sample of sampler.samples) {
          if (sample.feature === feature) this.set({ service: sample.service }, sample.value);
        }
      },
    });
  }
  const counter = (name: string, help: string, labelNames: readonly string[], counts: () => Counts) =>
    new Counter({
      name,
      help,
      labelNames,
      registers: [registry],
      collect() {
        this.reset();
        for (const [key, count] of counts()) {
          const values = key.split(' ');
          this.inc(Object.fromEntries(labelNames.map((label, index) => [label, values[index] ?? ''])), count);
        }
      },
    });
  counter('sage_node_actions_total', 'actions by kind and status', ['kind', 'status'], () => keeper.counts);
  counter(
    'sage_node_drift_total',
    'changes in force that somebody else was found to have turned',
    ['kind'],
    () => keeper.driftCounts.found,
  );
  counter(
    'sage_node_drift_given_up_total',
    'changes left to somebody else who kept turning them',
    ['kind'],
    () => keeper.driftCounts.givenUp,
  );
  const gauge = (name: string, help: string, value: () => number) =>
    new Gauge({
      name,
      help,
      registers: [registry],
      collect() {
        this.set(value());
      },
    });
  gauge('sage_node_changes_in_force', 'changes in force, or being undone', () => keeper.inForce);
  gauge('sage_node_kill_switch', '1 while nothing may be changed', () => Number(keeper.isKilled));
  gauge(
    'sage_node_journal_damaged_lines',
    'lines of the journal that could not be read at the start',
    () => facts().damagedJournalLines,
  );
  gauge('sage_node_config_last_reload_successful', '1 unless the token or the certificates were wrong', () =>
    Number(facts().lastReloadSuccessful),
  );
  return registry;
}

/** By the values of the labels, with spaces between. */
type Counts = ReadonlyMap<string, number>;
