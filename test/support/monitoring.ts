import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '@sage/demo';
import { REPOSITORY } from './repository.js';
import { RunningProcess, waitFor } from './running-process.js';

export interface MonitoringOptions {
  readonly prometheus: string;
  readonly alertmanager: string;
  /** Ports of Sage and of whatever has the histogram of requests, on 127.0.0.1. */
  readonly sagePort: number;
  readonly requestsPort: number;
}

export interface Series {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: number;
}

/** A real Prometheus and a real Alertmanager on alerting/'s files, with ports and waiting times of a test. */
export interface Monitoring {
  query(promql: string): Promise<Series[]>;
  output(): string;
  close(): Promise<void>;
}

const read = (name: string) => readFile(join(REPOSITORY, 'alerting', name), 'utf8');

/** Replaces, and refuses to replace nothing: a changed file must not go unnoticed. */
function replaced(text: string, from: string, to: string): string {
  if (!text.includes(from)) throw new Error(`alerting/ has no "${from}" any more`);
  return text.replaceAll(from, to);
}

export async function startMonitoring(options: MonitoringOptions): Promise<Monitoring> {
  const folder = await mkdtemp(join(tmpdir(), 'sage-monitoring-'));
  const [prometheusPort, alertmanagerPort] = [await freePort(), await freePort()];

  for (const name of ['sage-objectives.rules.yml', 'sage-health.rules.yml']) {
    await writeFile(join(folder, name), replaced(await read(name), 'interval: ', 'interval: 1s # was '));
  }
  let config = await read('prometheus.yml');
  config = replaced(config, 'scrape_interval: 5s', 'scrape_interval: 1s');
  config = replaced(config, 'evaluation_interval: 5s', 'evaluation_interval: 1s');
  config = replaced(config, '127.0.0.1:9093', `127.0.0.1:${alertmanagerPort}`);
  config = replaced(config, '127.0.0.1:9464', `127.0.0.1:${options.sagePort}`);
  config = replaced(config, '127.0.0.1:9466', `127.0.0.1:${options.requestsPort}`);
  await writeFile(join(folder, 'prometheus.yml'), config);

  let routes = await read('alertmanager.yml');
  routes = replaced(routes, 'http://127.0.0.1:9464/', `http://127.0.0.1:${options.sagePort}/`);
  routes = replaced(routes, 'group_wait: 1s', 'group_wait: 0s');
  routes = replaced(routes, 'group_interval: 10s', 'group_interval: 2s');
  await writeFile(join(folder, 'alertmanager.yml'), routes);

  const alertmanager = new RunningProcess(options.alertmanager, [
    `--config.file=${join(folder, 'alertmanager.yml')}`,
    `--storage.path=${join(folder, 'alertmanager')}`,
    `--web.listen-address=127.0.0.1:${alertmanagerPort}`,
    '--cluster.listen-address=',
  ]);
  const prometheus = new RunningProcess(options.prometheus, [
    `--config.file=${join(folder, 'prometheus.yml')}`,
    `--storage.tsdb.path=${join(folder, 'prometheus')}`,
    `--web.listen-address=127.0.0.1:${prometheusPort}`,
  ]);
  const output = () => `Prometheus:\n${prometheus.output}\nAlertmanager:\n${alertmanager.output}`;
  const close = async () => {
    await Promise.all([prometheus.stop(), alertmanager.stop()]);
    await rm(folder, { recursive: true, force: true });
  };
  const ready = (port: number) => async () => {
    const response = await fetch(`http://127.0.0.1:${port}/-/ready`);
    return response.ok ? true : undefined;
  };
  try {
    await waitFor('Prometheus to be ready', 30_000, ready(prometheusPort), output);
    await waitFor('Alertmanager to be ready', 30_000, ready(alertmanagerPort), output);
  } catch (error) {
    await close();
    throw error;
  }
  return {
    output,
    close,
    query: async (promql) => {
      const url = `http://127.0.0.1:${prometheusPort}/api/v1/query?query=${encodeURIComponent(promql)}`;
      const body = (await (await fetch(url)).json()) as PrometheusAnswer;
      if (body.status !== 'success') throw new Error(`Prometheus refused ${promql}: ${body.error}`);
      return body.data.result.map(({ metric, value }) => ({ metric, value: Number(value[1]) }));
    },
  };
}

interface PrometheusAnswer {
  readonly status: string;
  readonly error?: string;
  readonly data: { readonly result: readonly { metric: Record<string, string>; value: [number, string] }[] };
}
