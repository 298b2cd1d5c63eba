/** Drives the application that is not instrumented until it is killed. */
import { startBench } from '../src/index.js';

const started = await startBench({ seed: 1, env: process.env, nowMs: () => performance.now() });
if (!started.ok) throw new Error(started.message);
process.send?.('started');
await started.value.drive(undefined, {
  ...{ seed: 1, requestsPerSecond: 10, openSeconds: 600, closedSeconds: 0, warmUpSeconds: 0 },
  connections: 1,
});
