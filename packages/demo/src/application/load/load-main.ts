import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createLogger, createRng, errorMessage } from '@sage/core';
import { Counter, Histogram, Registry } from 'prom-client';
import { readHotelTopology } from '../topology/topology.js';
import { LoadGenerator } from './generator.js';

/** Seconds; fine where objectives lie. */
const BUCKETS = [
  0.005, 0.0075, 0.01, 0.015, 0.02, 0.03, 0.04, 0.05, 0.06, 0.08, 0.1, 0.12, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5,
  0.75, 1, 1.5, 2, 3, 5,
];

const log = createLogger((line) => process.stderr.write(line), Date.now);

export interface LoadSettings {
  readonly entryUrl: string;
  readonly meanRate: number;
  readonly seed: number;
  readonly maxOutstanding: number;
}

async function main(settings: LoadSettings): Promise<void> {
  const topology = await readHotelTopology();
  if (!topology.ok) throw new Error(topology.message);
  const registry = new Registry();
  const histogram = new Histogram({
    name: 'http_server_request_duration_seconds',
    help: 'Duration of requests to the application as its clients see it.',
    labelNames: ['service', 'operation', 'code'],
    buckets: BUCKETS,
    registers: [registry],
  });
  const dropped = new Counter({
    name: 'load_requests_dropped_total',
    help: 'Arrivals that were not sent because too many requests were outstanding.',
    registers: [registry],
  });
  const generator = new LoadGenerator({
    ...settings,
    endpoints: topology.value.endpoints,
    rng: createRng(settings.seed).fork('load'),
    nowMs: () => performance.now(),
    onLatency: (endpoint, latencyMs, code) =>
      histogram.observe(
        { service: endpoint.entry, operation: endpoint.rootSpan, code: String(code) },
        latencyMs / 1000,
      ),
    onDropped: () => dropped.inc(),
  });
  const server = createServer((request, response) => {
    if (request.url !== '/metrics') {
      response.writeHead(404).end('only /metrics is here\n');
      return;
    }
    registry.metrics().then(
      (text) => response.writeHead(200, { 'content-type': registry.contentType }).end(text),
      (error: unknown) => response.writeHead(500).end(errorMessage(error)),
    );
  });
  server.listen({ host: '127.0.0.1', port: 0 }, () => {
    process.send?.({ kind: 'ready', port: (server.address() as AddressInfo).port });
    generator.start();
  });
}

process.once('SIGTERM', () => process.exit(0));
process.on('SIGINT', () => {});
process.once('disconnect', () => process.exit(0));
main(JSON.parse(process.argv[2] ?? '{}') as LoadSettings).catch((error: unknown) => {
  log.error('the load generator did not start', { error: errorMessage(error) });
  process.exit(1);
});
