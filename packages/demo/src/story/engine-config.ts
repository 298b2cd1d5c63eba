import type { Objective } from '@sage/core';
import { stringify } from 'yaml';
import { DEMO_OBJECTIVES, PROVISIONAL_THRESHOLD_MS } from './calibrate.js';
import type { DemoOptions } from './options.js';

/** Windows as short as the demo's patience: the paper's are 30 s. */
export const WINDOW_SECONDS = 10;
export const SLIDE_SECONDS = 2;

/** As many as are kept, and the most that can be waited for before anything is learnt. */
export const HISTORY_WINDOWS = 2_000;

export interface EngineConfigOptions {
  readonly port: number;
  readonly dataDir: string;
  /** Addresses at which the components reach the receivers. */
  readonly otlp: string;
  readonly jaeger: string;
  /** undefined: there is no node agent, and nothing is acted on. */
  readonly agentUrl: string | undefined;
  readonly grafana: DemoOptions['grafana'];
  readonly trigger: DemoOptions['trigger'];
  readonly learnSeconds: number;
  /** undefined while the calm is still watched. */
  readonly objectives: readonly Objective[] | undefined;
}

/** The configuration of `sage serve` that the demo runs its engine with, as YAML. */
export function engineConfigYaml(options: EngineConfigOptions): string {
  const objectives =
    options.objectives ??
    DEMO_OBJECTIVES.map((objective) => ({ ...objective, thresholdMs: PROVISIONAL_THRESHOLD_MS }));
  return stringify({
    listen: `127.0.0.1:${options.port}`,
    data_dir: options.dataDir,
    objectives: objectives.map(({ name, service, operation, percentile, thresholdMs }) => ({
      name,
      service,
      operation,
      percentile: percentile.replace('Ms', ''),
      threshold_ms: thresholdMs,
    })),
    windows: { seconds: WINDOW_SECONDS, slide_seconds: SLIDE_SECONDS },
    receivers: { otlp_http: options.otlp, jaeger_udp: options.jaeger },
    node_agents: options.agentUrl === undefined ? [] : [{ name: 'demo', url: options.agentUrl }],
    ...(options.grafana === undefined
      ? {}
      : {
          grafana: {
            url: options.grafana.url,
            ...(options.grafana.tokenFile === undefined ? {} : { token_file: options.grafana.tokenFile }),
          },
        }),
    learning: {
      min_windows: Math.round(options.learnSeconds / SLIDE_SECONDS),
      history_windows: HISTORY_WINDOWS,
      // Once is enough for a demo: the next time is a year away.
      schedule: '0 0 1 1 *',
    },
    actuation: { mode: options.agentUrl === undefined ? 'observe' : 'act', min_probability: 0.5 },
    trigger: {
      collector: options.trigger === 'collector',
      // Two whole windows one after the other: one slow second stays in sight for a whole window.
      broken_windows: WINDOW_SECONDS / SLIDE_SECONDS + 1,
    },
  });
}
