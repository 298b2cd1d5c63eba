import { type Clock, errorMessage, type Logger } from '@sage/core';
import { pause } from '../pause.js';
import { Serial } from '../storage/serial.js';
import type { AlertJournal, JournalEntry } from './journal.js';
import type { Notification } from './payload.js';

/** What became of a notification; also the label of `sage_alerts_received_total`. */
export type AlertOutcome = 'accepted' | 'duplicate' | 'repeat' | 'full' | 'failed';

export interface AlertReceiverOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  /** Works one notification off. If it throws, it is tried again, those behind it waiting: their order is their sense. */
  readonly process: (entry: JournalEntry) => Promise<void>;
  /** Notifications that may wait; above it they are refused. */
  readonly maxPending: number;
  /** The wait before another try; ends early when it is aborted. */
  readonly pause?: (ms: number, signal: AbortSignal) => Promise<void>;
}

/** About four minutes of tries. */
const MAX_TRIES = 10;
const FIRST_PAUSE_MS = 1000;
const LONGEST_PAUSE_MS = 60_000;

/** Takes notifications durably and once, and works them off one after the other. */
export class AlertReceiver {
  readonly #journal: AlertJournal;
  readonly #options: AlertReceiverOptions;
  readonly #work = new Serial();
  readonly #closing = new AbortController();

  constructor(journal: AlertJournal, options: AlertReceiverOptions) {
    this.#journal = journal;
    this.#options = options;
  }

  /** Works off what an earlier run accepted and did not finish. */
  recover(): void {
    const { pending } = this.#journal;
    if (pending.length > 0) {
      this.#options.logger.info('finishing alerts that were accepted before the restart', {
        alerts: pending.length,
      });
    }
    for (const entry of pending) this.#enqueue(entry);
  }

  async receive(notification: Notification): Promise<AlertOutcome> {
    const { clock, logger, maxPending } = this.#options;
    if (this.#journal.knows(notification)) {
      return notification.notificationReason === 'repeat interval elapsed' ? 'repeat' : 'duplicate';
    }
    if (this.#closing.signal.aborted) return 'failed';
    if (this.#journal.pendingCount >= maxPending) return 'full';
    try {
      const writing = this.#journal.writing(notification.key);
      if (writing !== undefined) {
        await writing;
        return 'duplicate';
      }
      this.#enqueue(await this.#journal.accept(notification, clock.now()));
      return 'accepted';
    } catch (error) {
      logger.error('an alert could not be written to the journal', { error: errorMessage(error) });
      return 'failed';
    }
  }

  /** Ends after the notification in work; those behind it stay in the journal. */
  async close(): Promise<void> {
    this.#closing.abort();
    await this.#work.idle();
    await this.#journal.close();
  }

  #enqueue(entry: JournalEntry): void {
    void this.#work.run(() => this.#workOff(entry));
  }

  async #workOff(entry: JournalEntry): Promise<void> {
    const { logger, process, pause: wait = pause } = this.#options;
    const { signal } = this.#closing;
    for (let tries = 1; !signal.aborted; tries++) {
      try {
        await process(entry);
        await this.#journal.done(entry);
        return;
      } catch (error) {
        const fields = { error: errorMessage(error), group: entry.groupKey, tries };
        if (tries === MAX_TRIES) {
          logger.error('an alert could not be processed; it is tried again at the next start', fields);
          return;
        }
        logger.warn('an alert could not be processed; trying again', fields);
      }
      await wait(Math.min(FIRST_PAUSE_MS * 2 ** (tries - 1), LONGEST_PAUSE_MS), signal);
    }
  }
}
