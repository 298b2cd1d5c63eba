import type { Config } from './config/config.js';
import type { EngineDeps } from './engine-face.js';
import { ObjectiveWatch } from './objective-watch.js';
import type { MetricSource, Parts } from './parts.js';
import { agentSource } from './sources/metric-poller.js';
import { createNodeAgentClient, type NodeAgentClient } from './sources/node-agent-client.js';
import type { DataDir } from './storage/data-dir.js';

/** A configuration and what is made from it alone: replaced as a whole when it is read anew. */
export interface Live {
  readonly config: Config;
  readonly agents: readonly NodeAgentClient[];
  readonly sources: readonly MetricSource[];
  readonly watches: readonly ObjectiveWatch[];
}

/** Watches begin anew, with what the incidents know of before. */
export function liveOf(
  config: Config,
  {
    parts,
    data,
    ...deps
  }: Pick<EngineDeps, 'fetch' | 'logger'> & {
    readonly parts: Pick<Parts, 'createWatcher' | 'prometheus'>;
    readonly data: Pick<DataDir, 'incidents' | 'history'>;
  },
): Live {
  const agents = config.nodeAgents.map((agent) => createNodeAgentClient(agent, deps.fetch));
  const prometheus = parts.prometheus(config, deps);
  return {
    config,
    agents,
    sources: [...(prometheus === undefined ? [] : [prometheus]), ...agents.map(agentSource)],
    watches: config.objectives.map(
      (objective) =>
        new ObjectiveWatch(objective, {
          createWatcher: parts.createWatcher,
          brokenWindows: config.trigger.brokenWindows,
          wasBroken: data.incidents.openFor(objective.name)?.collectorBroken ?? false,
          history: data.history,
          logger: deps.logger,
        }),
    ),
  };
}
