import {
  type NodeTargets,
  type Placement,
  place,
  type Relief,
  type TurnedKnob,
  WINDOWS_TO_RELEASE,
} from '@sage/actuation';
import type { ActionPlan, Culprit, Diagnosis, Logger, ScaleState } from '@sage/core';
import type { Orchestrator } from '@sage/orchestrator';
import { type ActuationMode, type Config, modeOf, scaleBoundsOf } from '../config/config.js';
import type { Parts } from '../parts.js';
import type { NodeAgentClient } from '../sources/node-agent-client.js';
import { Executor } from './executor.js';

export interface ControllerOptions {
  readonly parts: Pick<Parts, 'plan'>;
  readonly agents: () => readonly NodeAgentClient[];
  /** Without one nothing is scaled, and targets are named as their services. */
  readonly orchestrator?: Orchestrator | undefined;
  readonly config: () => Config;
  readonly logger: Logger;
  readonly count: (action: string, outcome: string) => void;
}

export interface PlanRequest {
  readonly diagnosis: Diagnosis;
  readonly culprit: Culprit;
  readonly relief: Relief | undefined;
  readonly inForce: readonly TurnedKnob[];
  readonly resting: readonly TurnedKnob[];
}

export interface MadePlan {
  readonly plan: ActionPlan;
  /** Of the service, at the time; null where it is not known. */
  readonly replicasBefore: number | null;
}

/** Long enough for the ten clean windows after which it is released; a dead engine leaves nothing turned for longer. */
const LEASE_WINDOWS = 2 * WINDOWS_TO_RELEASE;

/** From a diagnosis to a plan, by what agents and the orchestrator say can be done now. */
export class Controller {
  readonly executor: Executor;
  readonly #options: ControllerOptions;

  constructor(options: ControllerOptions) {
    this.#options = options;
    this.executor = new Executor({
      ...options,
      orchestrator: options.orchestrator,
      leaseSeconds: () => this.leaseSeconds,
    });
  }

  /** What may be done about an objective. */
  modeOf(objective: string): ActuationMode {
    return modeOf(this.#options.config(), objective);
  }

  /** For how long an agent keeps an action. */
  get leaseSeconds(): number {
    return LEASE_WINDOWS * this.#options.config().windows.seconds;
  }

  async plan({ relief, ...request }: PlanRequest): Promise<MadePlan> {
    const config = this.#options.config();
    const { minProbability, maxActions, allow } = config.actuation;
    const { service } = request.culprit;
    const bounds = scaleBoundsOf(config, service);
    const [placement, scale] = await Promise.all([
      this.#placement(),
      bounds === undefined ? undefined : this.#scaleState(service),
    ]);
    const plan = this.#options.parts.plan({
      ...request,
      placement,
      ...(scale === undefined ? {} : { scale }),
      ...(relief === undefined ? {} : { relief }),
      limits: {
        minProbability,
        maxActions,
        ...(allow === undefined ? {} : { allow }),
        ...(bounds === undefined ? {} : { scale: bounds }),
      },
    });
    return { plan, replicasBefore: scale?.replicas ?? null };
  }

  async #placement(): Promise<Placement> {
    const { agents, orchestrator, logger } = this.#options;
    const answers = await Promise.all(
      agents().map(async (agent) => ({ node: agent.name, targets: await agent.targets() })),
    );
    const nodes = answers.flatMap(({ node, targets }): NodeTargets[] => {
      if (targets.ok) return [{ node, targets: targets.value }];
      logger.warn('the targets of a node are not known', { node, error: targets.message });
      return [];
    });
    return place(nodes, orchestrator?.instances());
  }

  async #scaleState(service: string): Promise<ScaleState | undefined> {
    const { orchestrator, logger } = this.#options;
    const state = await orchestrator?.scaleState(service);
    if (state?.ok === false) {
      logger.warn('how far a service can be scaled is not known', { service, error: state.message });
    }
    return state?.ok === true ? state.value : undefined;
  }
}
