import { systemClock } from '@sage/core';
import { DEFAULT_RATE, type DemoOptions, type FaultChoice, runDemo } from '@sage/demo';
import { type Command, EXIT_FAILED, EXIT_SUCCESS, EXIT_USAGE } from '../command.js';

const FAULT_FORM = /^(?:(?<kind>[a-z]+)(?:@(?<service>[a-z0-9-]+))?|@(?<only>[a-z0-9-]+))$/;

/** `none`, `KIND`, `KIND@SERVICE` or `@SERVICE`; undefined where it is none of these. */
export function parseFaultChoice(text: string): FaultChoice | undefined {
  if (text === 'none') return 'none';
  const parts = FAULT_FORM.exec(text)?.groups;
  if (parts === undefined) return undefined;
  const service = parts.service ?? parts.only;
  return {
    ...(parts.kind === undefined ? {} : { kind: parts.kind }),
    ...(service === undefined ? {} : { service }),
  };
}

export const demoCommand: Command = {
  summary: 'a live application breaks, is diagnosed and recovers, before your eyes',
  usage: '[OPTIONS]',
  description: `Starts a hotel-reservation application of 14 processes and a load on it, learns from its traces and metrics how
latency flows, injects a fault without telling the engine, and shows how Sage finds the cause and puts it right.
As root the fault is made with cgroups and tc in network namespaces of the demo's own; otherwise with competing
processes and delaying relays. Exit status 0 with --once means: the right cause was named and latency recovered.`,
  positionals: [],
  flags: {
    once: { type: 'boolean', help: 'end after one fault and its recovery' },
    seed: { type: 'integer', placeholder: 'N', min: 0, default: 1, help: 'draws the fault and the load' },
    fault: {
      type: 'string',
      placeholder: 'KIND@SERVICE',
      help: 'cpu, network or pool, and a service; either part alone; or none; without it the seed draws',
    },
    isolation: {
      type: 'string',
      choices: ['auto', 'kernel', 'user'],
      default: 'auto',
      help: 'how faults are made',
    },
    port: {
      type: 'integer',
      placeholder: 'N',
      min: 0,
      max: 65535,
      default: 9464,
      help: 'page, API and /metrics on 127.0.0.1; 0 takes a free port',
    },
    'load-metrics-port': {
      type: 'integer',
      placeholder: 'N',
      min: 0,
      max: 65535,
      default: 9466,
      help: "the load generator's /metrics on 127.0.0.1; 0 takes a free port",
    },
    trigger: {
      type: 'string',
      choices: ['collector', 'alertmanager'],
      default: 'collector',
      help: 'who reports the broken objective',
    },
    rate: {
      type: 'number',
      placeholder: 'N',
      min: 10,
      max: 500,
      default: DEFAULT_RATE,
      help: 'requests per second',
    },
    'learn-seconds': {
      type: 'number',
      placeholder: 'N',
      min: 40,
      max: 86_400,
      default: 130,
      help: 'calm traffic to learn from',
    },
    'grafana-url': { type: 'string', placeholder: 'URL', help: 'annotate incidents in this Grafana' },
    'grafana-token-file': { type: 'string', placeholder: 'FILE', help: 'a service-account token for it' },
    json: { type: 'string', placeholder: 'FILE', help: "write the result there; '-' is standard output" },
    'no-color': { type: 'boolean', help: 'plain text' },
  },
  async run({ flags }, io) {
    const fault = flags.fault === undefined ? {} : parseFaultChoice(String(flags.fault));
    if (fault === undefined) {
      io.stderr.write(
        `sage demo: --fault must be KIND@SERVICE, KIND, @SERVICE or none; got '${flags.fault}'\n`,
      );
      return EXIT_USAGE;
    }
    const jsonOnStdout = flags.json === '-';
    const out = jsonOnStdout ? io.stderr : io.stdout;
    const options: DemoOptions = {
      once: flags.once === true,
      seed: Number(flags.seed),
      fault,
      isolation: flags.isolation as DemoOptions['isolation'],
      port: Number(flags.port),
      loadMetricsPort: Number(flags['load-metrics-port']),
      trigger: flags.trigger as DemoOptions['trigger'],
      requestsPerSecond: Number(flags.rate),
      learnSeconds: Number(flags['learn-seconds']),
      json: flags.json as string | undefined,
      grafana:
        flags['grafana-url'] === undefined
          ? undefined
          : {
              url: String(flags['grafana-url']),
              tokenFile: flags['grafana-token-file'] as string | undefined,
            },
      color: flags['no-color'] !== true && io.env.NO_COLOR === undefined && out.isTTY === true,
      out,
      stdout: io.stdout,
      progress: io.stderr,
      env: io.env,
      argv: io.argv,
      fetch,
      clock: systemClock,
      onSignal: (signal, handler) => process.on(signal, handler),
    };
    const outcome = await runDemo(options);
    if (outcome.ok) return outcome.value.success ? EXIT_SUCCESS : EXIT_FAILED;
    io.stderr.write(`sage demo: ${outcome.message}\n`);
    return outcome.reason === 'usage' ? EXIT_USAGE : EXIT_FAILED;
  },
};
