import { createHash } from 'node:crypto';
import { WINDOWS_TO_RELEASE } from '@sage/actuation';
import {
  type Action,
  type ActionOutcome,
  type ActionPlan,
  type Culprit,
  type Diagnosis,
  failure,
  type Logger,
  type Outcome,
  type PlannedAction,
} from '@sage/core';
import type { Orchestrator } from '@sage/orchestrator';
import type { Config } from '../config/config.js';
import type { HeldAction } from '../incidents/incident.js';
import type { NodeTargets, Parts } from '../parts.js';
import type { NodeAgentClient } from '../sources/node-agent-client.js';

export interface ControllerOptions {
  readonly parts: Pick<Parts, 'plan'>;
  readonly agents: () => readonly NodeAgentClient[];
  /** Absent: it is not known where services run. */
  readonly orchestrator?: Orchestrator;
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

export interface ExecuteOptions {
  readonly incident: string;
  /** How many plans of the incident were carried out before this one. */
  readonly step: number;
}

export interface ExecutedAction {
  readonly node: string;
  readonly outcome: ActionOutcome;
}

/** Long enough for the ten clean windows after which it is released; a dead engine leaves nothing turned for longer. */
const LEASE_WINDOWS = 2 * WINDOWS_TO_RELEASE;

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

  /** For how long an agent keeps an action. */
  get leaseSeconds(): number {
    return LEASE_WINDOWS * this.#options.config().windows.seconds;
  }

  async execute(plan: ActionPlan, { incident, step }: ExecuteOptions): Promise<ExecutedAction[]> {
    const { agents, logger, count } = this.#options;
    const executed: ExecutedAction[] = [];
    for (const { node, action } of plan.actions) {
      const id = actionId(incident, step, { node, action });
      const agent = agents().find(({ name }) => name === node);
      const answer =
        (await agent?.act(id, action, this.leaseSeconds)) ?? failure('unknown', `no node agent ${node}`);
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

  /** Asking again for what is in force renews its lease; false where it could not be. */
  async renew({ node, actionId, action }: HeldAction): Promise<boolean> {
    const { agents, logger } = this.#options;
    const agent = agents().find(({ name }) => name === node);
    const answer = await agent?.act(actionId, action, this.leaseSeconds);
    const renewed = answer?.ok === true && answer.value.status === 'applied';
    if (!renewed) logger.warn('a lease was not renewed', { node, target: action.target, kind: action.kind });
    return renewed;
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

/**
 * The same request sent twice has one id and is done once. Each step of an incident has ids of its own: an agent takes
 * none for another value of the same knob, nor again for what it has undone.
 */
function actionId(incident: string, step: number, planned: Pick<PlannedAction, 'node' | 'action'>): string {
  const { node, action } = planned;
  const digest = createHash('sha256')
    .update(JSON.stringify([node, action]))
    .digest('hex')
    .slice(0, 12);
  return `${incident}-${step}-${action.kind}-${digest}`;
}
