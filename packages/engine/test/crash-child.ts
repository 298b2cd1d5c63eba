import { ManualClock, silentLogger, success } from '@sage/core';
import { startEngine } from '../src/engine.js';
import { configOf, fakeParts, START_MS } from './support.js';

/** An engine in a process of its own that never comes to the end of a diagnosis. Arguments: data folder, Grafana. */
const [dataDir = '', grafana = ''] = process.argv.slice(2);
const parts = fakeParts({
  startCollector: async () =>
    success({
      endpoints: {},
      callGraph: () => ({ services: [], rpcs: [], edges: [] }),
      addSamples: () => {},
      stats: () => ({ spansReceived: 0, spansDropped: {} }),
      close: async () => {},
    }),
  diagnose: () => {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 60_000);
    throw new Error('nobody killed this process in a minute');
  },
});
const config = configOf(dataDir, { grafana: { url: grafana } });
const clock = new ManualClock(START_MS);
const started = await startEngine(config, { clock, logger: silentLogger, fetch, parts });
if (!started.ok) throw new Error(started.message);
process.stdout.write(`${started.value.url}\n`);
