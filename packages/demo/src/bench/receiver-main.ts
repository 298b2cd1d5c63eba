/** The program at the other end of tracing: Sage as `sage serve` runs it, a sink or nobody, at the same ports. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { createLogger, errorMessage, systemClock } from '@sage/core';
import { type Engine, loadConfig, startEngine } from '@sage/engine';
import { engineConfigYaml, HISTORY_WINDOWS, SLIDE_SECONDS } from '../story/engine-config.js';
import type { ReceiverCommand, ReceiverReport, ReceiverRole, ReceiverSettings } from './receiver-messages.js';
import { startSink } from './sink.js';

interface Receiver {
  received(): Promise<number>;
  close(): Promise<void>;
}

const settings = JSON.parse(process.argv[2] ?? '{}') as ReceiverSettings;
const log = createLogger((line) => process.stderr.write(line), Date.now);
let role: ReceiverRole = 'nobody';
let present: Receiver | undefined;
let guarded: readonly number[] = [];

function tell(report: ReceiverReport): void {
  process.send?.(report);
}

async function start(next: ReceiverRole): Promise<Receiver | undefined> {
  if (next === 'nobody') return undefined;
  return next === 'sage' ? startSage() : startDropping();
}

async function startDropping(): Promise<Receiver> {
  const sink = await startSink({ otlp: settings.otlpPort, jaeger: settings.jaegerPort });
  return { received: async () => sink.received, close: () => sink.close() };
}

/** Receivers, windows, the call graph, the watch over objectives; no model, which is learnt elsewhere than beside an application. */
async function startSage(): Promise<Receiver> {
  const yaml = engineConfigYaml({
    port: 0,
    dataDir: join(settings.workDir, 'sage'),
    otlp: `127.0.0.1:${settings.otlpPort}`,
    jaeger: `127.0.0.1:${settings.jaegerPort}`,
    agentUrl: undefined,
    grafana: undefined,
    trigger: 'collector',
    learnSeconds: HISTORY_WINDOWS * SLIDE_SECONDS,
    objectives: undefined,
  });
  const config = loadConfig(yaml, { readFile: () => '' });
  if (!config.ok) throw new Error(config.message);
  const started = await startEngine(config.value, { clock: systemClock, logger: log, fetch });
  if (!started.ok) throw new Error(started.message);
  return {
    received: () => spansReceived(started.value),
    close: async () => {
      const closed = await started.value.close();
      if (!closed.ok) throw new Error(closed.message);
    },
  };
}

async function spansReceived({ url }: Engine): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  return Number(/^sage_spans_received_total (\S+)$/m.exec(text)?.[1]);
}

async function become(next: ReceiverRole): Promise<void> {
  try {
    if (next !== role) {
      role = 'nobody';
      await present?.close();
      present = undefined;
      present = await start(next);
      role = next;
    }
    tell({ kind: 'became', problem: undefined });
  } catch (error) {
    tell({ kind: 'became', problem: errorMessage(error) });
  }
}

async function read(): Promise<void> {
  const { user, system } = process.cpuUsage();
  tell({ kind: 'reading', cpuMs: (user + system) / 1000, received: (await present?.received()) ?? 0 });
}

function endGuarded(): void {
  for (const pid of guarded) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // It has ended already.
    }
  }
}

process.once('SIGTERM', () => process.exit(0));
process.on('SIGINT', () => {});
// Nobody is left to report to.
process.once('disconnect', () => {
  endGuarded();
  rmSync(settings.workDir, { recursive: true, force: true, maxRetries: 3 });
  process.exit(0);
});
process.on('message', (command: ReceiverCommand) => {
  if (command.kind === 'become') void become(command.role);
  else if (command.kind === 'read') void read();
  else guarded = command.pids;
});
tell({ kind: 'ready' });
