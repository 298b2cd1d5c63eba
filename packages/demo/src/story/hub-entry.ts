import { join } from 'node:path';
import { failure, type Outcome, success } from '@sage/core';
import { enterHub, forward, freePort } from '../application/index.js';
import type { DemoOptions } from './options.js';

/** What the process inside the hub is told of the outer one, in its environment. */
const ROUTES = 'SAGE_DEMO_ROUTES';

/** Unix sockets, which cross network namespaces, and the ports that stand for them outside. */
export interface HubRoutes {
  readonly workDir: string;
  readonly pagePort: number;
  readonly pageSocket: string;
  readonly loadMetricsPort: number;
  readonly loadMetricsSocket: string;
  /** Leads to Grafana, where there is one. */
  readonly grafanaSocket: string | undefined;
}

export function hubRoutes(env: NodeJS.ProcessEnv): HubRoutes | undefined {
  const text = env[ROUTES];
  return text === undefined ? undefined : (JSON.parse(text) as HubRoutes);
}

/** Runs the demo in a network namespace of its own and forwards what people and programs outside want to reach. */
export async function runInHub(
  options: DemoOptions,
  workDir: string,
): Promise<Outcome<number, 'usage' | 'start'>> {
  const grafana = options.grafana === undefined ? undefined : new URL(options.grafana.url);
  if (grafana !== undefined && grafana.protocol !== 'http:') {
    return failure(
      'usage',
      `with kernel isolation Grafana is reached by plain http only; got ${grafana.href} (--isolation user takes https)`,
    );
  }
  const routes: HubRoutes = {
    workDir,
    pagePort: options.port === 0 ? await freePort() : options.port,
    pageSocket: join(workDir, 'page.sock'),
    loadMetricsPort: options.loadMetricsPort === 0 ? await freePort() : options.loadMetricsPort,
    loadMetricsSocket: join(workDir, 'load.sock'),
    grafanaSocket: grafana && join(workDir, 'grafana.sock'),
  };
  if (grafana !== undefined && routes.grafanaSocket !== undefined) {
    await forward(
      { path: routes.grafanaSocket },
      { host: grafana.hostname, port: Number(grafana.port || 80) },
    );
  }
  const ended = await enterHub({
    argv: options.argv,
    env: { ...options.env, [ROUTES]: JSON.stringify(routes) },
    forwards: [
      { port: routes.pagePort, socketPath: routes.pageSocket },
      { port: routes.loadMetricsPort, socketPath: routes.loadMetricsSocket },
    ],
  });
  return ended.ok ? success(ended.value) : failure('start', ended.message);
}
