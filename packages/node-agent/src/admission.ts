import type { NodeAction } from '@sage/core';
import type { AnswerReason } from './answers.js';
import type { ChangesInForce, Held } from './changes-in-force.js';
import type { KillSwitch } from './kill-switch.js';
import { type Limits, whyRefused } from './limits.js';
import { RecentEvents } from './recent-events.js';
import type { Contention } from './repair.js';
import type { Step } from './steps/step.js';

/** Why a change is not made now. */
export interface NotAdmitted {
  readonly reason: AnswerReason;
  readonly message: string;
  /** Absent: not known. */
  readonly retryAfterSeconds?: number;
}

const MINUTE_MS = 60_000;

/** Who is let in: the operator's limits, the kill switch, and what is in force already. */
export class Admission {
  readonly #begun = new RecentEvents(MINUTE_MS);

  constructor(
    private readonly limits: Limits,
    private readonly beside: {
      readonly killSwitch: KillSwitch;
      readonly contention: Contention;
      readonly inForce: ChangesInForce;
    },
  ) {}

  /** A change is written from now on. */
  begin(nowMs: number): void {
    this.#begun.add(nowMs);
  }

  /** What forbids an action whatever it would write. `knob` is what it sets. */
  whyNotNow(action: NodeAction, knob: string, nowMs: number): NotAdmitted | undefined {
    const killed = this.beside.killSwitch.on;
    if (killed !== undefined) return { reason: 'killed', message: killed };
    const limit = whyRefused(this.limits, action);
    if (limit !== undefined) return { reason: limit.reason, message: limit.message };
    const seconds = this.beside.contention.leftForSeconds(knob, nowMs);
    if (seconds === 0) return undefined;
    const message = `somebody else keeps turning this knob: it is left to them for ${seconds} s more`;
    return { reason: 'conflict', message };
  }

  /** What forbids these steps beside what is in force; `earlier` is the change that they would take over from. */
  whyNotMore(steps: readonly Step[], earlier: Held | undefined, nowMs: number): NotAdmitted | undefined {
    const { inForce } = this.beside;
    const owner = inForce.ownerOf(steps, earlier);
    // Two owners of one value could not both be undone.
    if (owner !== undefined) {
      const message = `${owner.id} holds the same knob for ${owner.action.target}: release it first`;
      return { reason: 'conflict', message };
    }
    const { changesInForce, changesPerMinute } = this.limits;
    if (earlier === undefined && inForce.size >= changesInForce) {
      return { reason: 'busy', message: `${changesInForce} changes are in force already` };
    }
    if (this.#begun.count(nowMs) < changesPerMinute) return undefined;
    const retryAfterSeconds = Math.ceil(this.#begun.waitMs(nowMs) / 1000);
    const message = `${changesPerMinute} changes in the last minute: try again in ${retryAfterSeconds} s`;
    return { reason: 'rate', message, retryAfterSeconds };
  }
}
