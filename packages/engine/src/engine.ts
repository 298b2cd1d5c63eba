import { failure, type Outcome, success } from '@sage/core';
import { type Config, scaleBoundsOf } from './config/config.js';
import type { Engine, EngineDeps } from './engine-face.js';
import { RunningEngine } from './running-engine.js';
import { openDataDir } from './storage/data-dir.js';
import { kernelProcesses } from './storage/processes.js';

/** Starts Sage: receivers, learning loop, alert receiver, publishing, HTTP API. Failures name what to change. */
export async function startEngine(config: Config, deps: EngineDeps): Promise<Outcome<Engine>> {
  // Loaded only where it is used: it brings TensorFlow along.
  const parts = deps.parts ?? (await import('./wiring.js')).sageParts;
  const data = await openDataDir(config.dataDir, {
    learner: parts.learner,
    historyWindows: config.learning.historyWindows,
    windowSeconds: config.windows.seconds,
    logger: deps.logger,
    processes: kernelProcesses(process.pid),
  });
  if (!data.ok) return data;
  let engine: RunningEngine | undefined;
  const orchestrator = await parts.orchestrator(config, {
    ...deps,
    bounds: (service) => scaleBoundsOf(engine?.config ?? config, service),
  });
  if (!orchestrator.ok) {
    await data.value.journal.close();
    await data.value.lock.release();
    return failure('orchestrator', `orchestrator: ${orchestrator.message}`);
  }
  engine = new RunningEngine(config, {
    deps,
    parts,
    data: data.value,
    orchestrator: orchestrator.value,
  });
  const started = await engine.start();
  if (started.ok) return success(engine);
  await engine.close();
  return started;
}
