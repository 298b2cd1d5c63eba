import { FEATURE_NAMES, FEATURES } from '@sage/core';
import { Counter, Gauge, Registry } from 'prom-client';
import type { Keeper } from './keeper.js';
import type { Sampler } from './sampling/sampler.js';

/** The exposition: the latest samples as `sage_node_<feature>{service}`, and what was done. Read when scraped. */
export function createMetrics(sampler: Sampler, keeper: Keeper): Registry {
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
  new Counter({
    name: 'sage_node_actions_total',
    help: 'actions by kind and status',
    labelNames: ['kind', 'status'],
    registers: [registry],
    collect() {
      this.reset();
      for (const [key, count] of keeper.counts) {
        const [kind, status] = key.split(' ') as [string, string];
        this.inc({ kind, status }, count);
      }
    },
  });
  return registry;
}
