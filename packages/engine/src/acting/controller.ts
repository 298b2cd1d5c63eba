import {
  type Action,
  type ActionOutcome,
  type ActionPlan,
  type Culprit,
  type Diagnosis,
  failure,
  type Logger,
  type Outcome,
} from '@sage/core';
import type { Config } from '../config/config.js';
import type { NodeTargets, Parts } from '../parts.js';
import type { NodeAgentClient } from '../sources/node-agent-client.js';

export interface ControllerOptions {
  readonly parts: Pick<Parts, 'plan'>;
  readonly agents: () => readonly NodeAgentClient[];
  readonly config: () => Config;
  readonly logger: Logger;
  readonly count: (action: string, outcome: string) => void;
}

export interface PlanRequest {
  readonly diagnosis: Diagnosis;
  readonly culprit: Culprit;
  /** `node/target` of all that this incident has acted on. */
  readonly touched: readonly string[];
  readonly inForce: readonly Action[];
}

export interface ExecutedAction {
  readonly node: string;
  readonly outcome: ActionOutcome;
}

/** From a diagnosis to what node agents did about it, as far as the mode allows. */
export class Controller {
  readonly #options: ControllerOptions;

  constructor(options: ControllerOptions) {
    this.#options = options;
  }

  /** Whether plans are carried out and not only made. */
  get acts(): boolean {
    return this.#options.config().actuation.mode === 'act';
  }

  /** undefined where the mode is `observe`. */
  async plan({ diagnosis, culprit, touched, inForce }: PlanRequest): Promise<ActionPlan | undefined> {
    const { mode, minProbability } = this.#options.config().actuation;
    if (mode === 'observe') return undefined;
    const nodes = await this.#targets();
    const plan = this.#options.parts.plan({ diagnosis, culprit, nodes, inForce, minProbability });
    const fresh = plan.actions.filter(({ node, action }) => !touched.includes(`${node}/${action.target}`));
    return { ...plan, actions: fresh };
  }

  async execute(incident: string, plan: ActionPlan): Promise<ExecutedAction[]> {
    const { agents, config, logger, count } = this.#options;
    // Long enough for the ten clean windows after which it is released; a dead engine leaves nothing turned for longer.
    const leaseSeconds = 20 * config().windows.seconds;
    const executed: ExecutedAction[] = [];
    for (const { node, action } of plan.actions) {
      const knob = action.kind === 'pool-size' ? `${action.kind}-${action.pool}` : action.kind;
      const id = `${incident}-${node}-${action.target}-${knob}`.replace(/[^\w.-]/g, '_');
      const agent = agents().find(({ name }) => name === node);
      const answer =
        (await agent?.act(id, action, leaseSeconds)) ?? failure('unknown', `no node agent ${node}`);
      const outcome: ActionOutcome = answer.ok
        ? answer.value
        : { id, action, status: 'failed', message: answer.message, writes: [], leaseEndsMs: undefined };
      count(action.kind, outcome.status);
      logger.info('action', {
        node,
        target: action.target,
        kind: action.kind,
        status: outcome.status,
        message: outcome.message,
      });
      executed.push({ node, outcome });
    }
    return executed;
  }

  async release(node: string, actionId: string): Promise<Outcome<ActionOutcome>> {
    const agent = this.#options.agents().find(({ name }) => name === node);
    if (agent === undefined) return failure('unknown', `no node agent ${node}`);
    const released = await agent.release(actionId);
    if (released.ok) this.#options.count(released.value.action.kind, released.value.status);
    return released;
  }

  async #targets(): Promise<NodeTargets[]> {
    const { agents, logger } = this.#options;
    const answers = await Promise.all(
      agents().map(async (agent) => ({ node: agent.name, targets: await agent.targets() })),
    );
    return answers.flatMap(({ node, targets }): NodeTargets[] => {
      if (targets.ok) return [{ node, targets: targets.value }];
      logger.warn('the targets of a node are not known', { node, error: targets.message });
      return [];
    });
  }
}
