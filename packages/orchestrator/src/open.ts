import type { Outcome } from '@sage/core';
import type { OrchestratorConfig } from './config.js';
import type { Orchestrator, OrchestratorDeps } from './orchestrator.js';

/**
 * Starts to follow what the configuration names. `invalid`: the configuration cannot be used, whatever answers; that
 * nothing answers is no failure, it is tried again. Only the client library that is needed is loaded.
 */
export async function openOrchestrator(
  config: OrchestratorConfig,
  deps: OrchestratorDeps,
): Promise<Outcome<Orchestrator, 'invalid'>> {
  switch (config.kind) {
    case 'kubernetes':
      return (await import('./kubernetes/kubernetes.js')).openKubernetes(config, deps);
    case 'swarm':
      return (await import('./swarm/swarm.js')).openSwarm(config, deps);
    case 'static':
      return (await import('./static-file/static-file.js')).openStatic(config, deps);
  }
}
