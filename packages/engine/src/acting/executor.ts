import { createHash } from 'node:crypto';
import {
  type Action,
  type ActionOutcome,
  type ActionPlan,
  type ActionStatus,
  failure,
  type Logger,
  type Outcome,
  type PlannedAction,
  type ScaleAction,
  success,
} from '@sage/core';
import type { Orchestrator, ScaleFailure } from '@sage/orchestrator';
import type { HeldAction } from '../incidents/incident.js';
import type { NodeAgentClient } from '../sources/node-agent-client.js';

export interface ExecutorOptions {
  readonly agents: () => readonly NodeAgentClient[];
  readonly orchestrator: Orchestrator | undefined;
  readonly leaseSeconds: () => number;
  readonly logger: Logger;
  readonly count: (action: string, outcome: string) => void;
}

export interface ExecuteOptions {
  readonly incident: string;
  /** The plan's number in the incident. */
  readonly step: number;
  /** Replicas of the service when the plan was made. */
  readonly replicasBefore: number | null;
}

export interface ExecutedAction {
  readonly node: string;
  readonly outcome: ActionOutcome;
}

/** What asking for it again would not change. */
const REFUSALS: ReadonlySet<ScaleFailure> = new Set([
  'not-found',
  'not-allowed',
  'out-of-bounds',
  'unsupported',
]);

/** The hands: node actions go to the agent of their node, scaling to the orchestrator. */
export class Executor {
  readonly #options: ExecutorOptions;

  constructor(options: ExecutorOptions) {
    this.#options = options;
  }

  /** Doing it twice is doing it once: ids are the same, and replicas are counted from what they were. */
  async execute(plan: ActionPlan, options: ExecuteOptions): Promise<readonly ExecutedAction[]> {
    const executed: ExecutedAction[] = [];
    for (const planned of plan.actions) {
      const id = actionId(options, planned);
      const { node, action } = planned;
      const outcome =
        action.kind === 'scale'
          ? await this.#scale(id, action, options.replicasBefore)
          : await this.#turn(id, planned);
      this.#note(node, outcome);
      executed.push({ node, outcome });
    }
    return executed;
  }

  /** Asking again for what is in force renews its lease. `released`: its agent has undone it meanwhile. */
  async renew({ node, actionId: id, action }: HeldAction): Promise<'renewed' | 'released' | 'unknown'> {
    const answer = await this.#agent(node)?.act(id, action, this.#options.leaseSeconds());
    if (answer?.ok === true && answer.value.status === 'applied') return 'renewed';
    if (answer?.ok === true && answer.value.status === 'released') return 'released';
    this.#options.logger.warn('a lease was not renewed', { node, target: action.target, kind: action.kind });
    return 'unknown';
  }

  async release(held: HeldAction): Promise<Outcome<ActionOutcome>> {
    const { node, actionId: id, action } = held;
    const released =
      action.kind === 'scale'
        ? await this.#scaleBack(id, action, held.replicasBefore)
        : ((await this.#agent(node)?.release(id)) ?? failure('unknown', `no node agent ${node}`));
    if (released.ok) this.#options.count(action.kind, released.value.status);
    return released;
  }

  async #turn(id: string, { node, action }: PlannedAction): Promise<ActionOutcome> {
    const answer =
      (await this.#agent(node)?.act(id, action, this.#options.leaseSeconds())) ??
      failure('unknown', `no node agent ${node}`);
    if (answer.ok) return answer.value;
    return outcomeOf(id, action, answer.reason === 'refused' ? 'refused' : 'failed', answer.message);
  }

  async #scale(id: string, action: ScaleAction, before: number | null): Promise<ActionOutcome> {
    const { orchestrator } = this.#options;
    const { target: service, replicas } = action;
    const state = (await orchestrator?.scaleState(service)) ?? NO_ORCHESTRATOR;
    if (!state.ok) return outcomeOf(id, action, scaleStatus(state.reason), state.message);
    const { workload, replicas: now, autoscaler } = state.value;
    if (now === replicas && before !== null && before < replicas) {
      // Written down as due, and done before a crash.
      const writes = [`${workload}: ${before} → ${now}`];
      return outcomeOf(id, action, 'applied', `${workload} has ${now} replicas`, writes);
    }
    // An autoscaler changes the number all the time: with one, ours is only the least.
    if (now !== before && (autoscaler === undefined || now > replicas)) {
      const message = `${workload} has ${now} replicas, and had ${before ?? '?'} when this was planned`;
      return outcomeOf(id, action, 'refused', message);
    }
    const scaled = (await orchestrator?.scale(service, replicas)) ?? NO_ORCHESTRATOR;
    if (!scaled.ok) return outcomeOf(id, action, scaleStatus(scaled.reason), scaled.message);
    const writes = [`${workload}: ${now} → ${scaled.value.replicas}`];
    return outcomeOf(id, action, 'applied', `${workload} gets ${scaled.value.replicas} replicas`, writes);
  }

  /** To the number before, unless somebody else has changed it since. */
  async #scaleBack(id: string, action: ScaleAction, before: number | null): Promise<Outcome<ActionOutcome>> {
    const { orchestrator } = this.#options;
    const { target: service, replicas } = action;
    const state = (await orchestrator?.scaleState(service)) ?? NO_ORCHESTRATOR;
    if (!state.ok) {
      if (state.reason !== 'not-found') return state;
      return success(outcomeOf(id, action, 'released', `${service} is there no more`));
    }
    const { workload, replicas: now, autoscaler } = state.value;
    if (before === null || (now !== replicas && autoscaler === undefined)) {
      return success(
        outcomeOf(id, action, 'released', `left as it is: ${workload} has ${now} replicas by now`),
      );
    }
    const scaled = (await orchestrator?.scale(service, before)) ?? NO_ORCHESTRATOR;
    if (!scaled.ok) return scaled;
    const writes = [`${workload}: ${now} → ${scaled.value.replicas}`];
    return success(
      outcomeOf(id, action, 'released', `${workload} is back at ${scaled.value.replicas} replicas`, writes),
    );
  }

  #note(node: string, { action, status, message }: ActionOutcome): void {
    const { count, logger } = this.#options;
    count(action.kind, status);
    logger.info('action', { node, target: action.target, kind: action.kind, status, message });
  }

  #agent(node: string): NodeAgentClient | undefined {
    return this.#options.agents().find(({ name }) => name === node);
  }
}

const NO_ORCHESTRATOR = failure<ScaleFailure>('unsupported', 'no orchestrator is configured');

function scaleStatus(reason: ScaleFailure): ActionStatus {
  return REFUSALS.has(reason) ? 'refused' : 'failed';
}

function outcomeOf(
  id: string,
  action: Action,
  status: ActionStatus,
  message: string,
  writes: readonly string[] = [],
): ActionOutcome {
  return { id, action, status, message, writes, leaseEndsMs: undefined };
}

/**
 * The same request sent twice has one id and is done once. Each plan of an incident has ids of its own: an agent takes
 * none for another value of the same knob, nor again for what it has undone.
 */
function actionId({ incident, step }: ExecuteOptions, { node, action }: PlannedAction): string {
  const digest = createHash('sha256')
    .update(JSON.stringify([node, action]))
    .digest('hex')
    .slice(0, 12);
  return `${incident}-${step}-${action.kind}-${digest}`;
}
