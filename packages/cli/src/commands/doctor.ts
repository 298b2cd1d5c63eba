import { connect } from 'node:net';
import { errorMessage, systemClock } from '@sage/core';
import { supportsKernelIsolation } from '@sage/demo';
import {
  type Config,
  checkConfigFile,
  type PrometheusConfig,
  probePrometheus,
  readConfigFile,
} from '@sage/engine';
import { loadBackend } from '@sage/gvae';
import { type Command, EXIT_FAILED, EXIT_SUCCESS } from '../command.js';

/** `note` is worth knowing and no failure. */
interface Finding {
  readonly name: string;
  readonly state: 'ok' | 'note' | 'failed';
  readonly text: string;
}

const ANSWER_TIMEOUT_MS = 3_000;
const MARKS = { ok: '✓', note: '·', failed: '✗' } as const;

export const doctorCommand: Command = {
  summary: 'check what Sage needs on this machine and, with --config, whom it must reach',
  usage: '[--config FILE]',
  description: 'Looks only; changes nothing. Exit status 1 when something that Sage needs is missing.',
  positionals: [],
  flags: {
    config: {
      type: 'string',
      placeholder: 'FILE',
      help: 'a configuration whose neighbours shall be tried, too',
    },
  },
  async run({ flags }, io) {
    const findings = [nodeVersion(), await backend(), await isolation()];
    if (flags.config !== undefined) findings.push(...(await configuration(String(flags.config))));
    const width = Math.max(...findings.map(({ name }) => name.length));
    for (const { name, state, text } of findings) {
      io.stdout.write(`${MARKS[state]} ${name.padEnd(width)}  ${text}\n`);
    }
    return findings.some(({ state }) => state === 'failed') ? EXIT_FAILED : EXIT_SUCCESS;
  },
};

function nodeVersion(): Finding {
  return { name: 'Node.js', state: 'ok', text: `${process.version} on ${process.platform} ${process.arch}` };
}

async function backend(): Promise<Finding> {
  const name = await loadBackend();
  const text =
    name === 'tensorflow'
      ? 'native, through @tensorflow/tfjs-node'
      : `${name}: works everywhere; the optional @tensorflow/tfjs-node does not load (npm run native builds it)`;
  return { name: 'TensorFlow.js', state: name === 'cpu' ? 'note' : 'ok', text };
}

async function isolation(): Promise<Finding> {
  const supported = await supportsKernelIsolation();
  return supported.ok
    ? { name: 'demo faults', state: 'ok', text: 'cgroups and tc' }
    : { name: 'demo faults', state: 'note', text: `competing processes and a relay (${supported.message})` };
}

async function configuration(path: string): Promise<Finding[]> {
  const checked = checkConfigFile(path);
  const config = readConfigFile(path);
  const own: Finding = { name: 'configuration', state: checked.ok ? 'ok' : 'failed', text: checked.text };
  return config.ok ? [own, ...(await neighbours(config.value))] : [own];
}

async function neighbours({ prometheus, grafana, nodeAgents, listen }: Config): Promise<Finding[]> {
  const found = await Promise.all([
    portIsFree(listen.host, listen.port),
    ...(prometheus === undefined ? [] : [prometheusFeatures(prometheus)]),
    ...(grafana === undefined ? [] : [answers('Grafana', `${grafana.url}/api/health`)]),
    ...nodeAgents.map((agent) => answers(`node agent ${agent.name}`, `${agent.url}/-/ready`)),
  ]);
  return found.flat();
}

/** Not whether Prometheus is up, but what Sage would read there: "no data" is how such installations fail. */
async function prometheusFeatures(config: PrometheusConfig): Promise<Finding[]> {
  const probed = await probePrometheus(config, { fetch, clock: systemClock });
  if (!probed.ok) return [{ name: 'Prometheus', state: 'failed', text: probed.message }];
  const withData = probed.value.filter(({ problem }) => problem === undefined).length;
  const summary: Finding = {
    name: 'Prometheus',
    state: withData > 0 ? 'ok' : 'failed',
    text: `${config.url}: ${withData} of ${probed.value.length} features have data`,
  };
  const features = probed.value.map(({ feature, series, problem }): Finding => {
    const name = `  ${feature}`;
    if (problem === undefined) return { name, state: 'ok', text: `${series} series` };
    return { name, state: problem.noData ? 'note' : 'failed', text: `0 series: ${problem.message}` };
  });
  return [summary, ...features];
}

async function answers(name: string, url: string): Promise<Finding> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS) });
    return { name, state: response.ok ? 'ok' : 'failed', text: `${url} answers ${response.status}` };
  } catch (error) {
    const cause =
      error instanceof Error && error.cause !== undefined ? errorMessage(error.cause) : errorMessage(error);
    return { name, state: 'failed', text: `${url} does not answer: ${cause}` };
  }
}

function portIsFree(host: string, port: number): Promise<Finding> {
  const name = 'listen address';
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: ANSWER_TIMEOUT_MS });
    const settle = (state: Finding['state'], text: string) => {
      socket.destroy();
      resolve({ name, state, text: `${host}:${port} ${text}` });
    };
    socket.once('connect', () => settle('note', 'is in use: by Sage already running, or by somebody else'));
    socket.once('timeout', () => settle('note', 'does not say whether it is in use'));
    socket.once('error', () => settle('ok', 'is free'));
  });
}
