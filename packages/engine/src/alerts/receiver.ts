import { type Clock, errorMessage, type Logger } from '@sage/core';
import { Serial } from '../storage/serial.js';
import type { AlertJournal, JournalEntry } from './journal.js';
import type { Notification } from './payload.js';

/** What became of a notification; also the label of `sage_alerts_received_total`. */
export type AlertOutcome = 'accepted' | 'duplicate' | 'repeat' | 'full' | 'failed';

export interface AlertReceiverOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  /** Works one notification off. If it throws, the notification stays pending and is tried at the next start. */
  readonly process: (entry: JournalEntry) => Promise<void>;
  /** Notifications that may wait; above it they are refused. */
  readonly maxPending: number;
}

/** Takes notifications durably and once, and works them off one after the other. */
export class AlertReceiver {
  readonly #journal: AlertJournal;
  readonly #options: AlertReceiverOptions;
  readonly #work = new Serial();
  #closed = false;

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
    if (notification.notificationReason === 'repeat interval elapsed') return 'repeat';
    if (this.#journal.has(notification.key)) return 'duplicate';
    if (this.#closed || this.#journal.pendingCount >= maxPending) return this.#closed ? 'failed' : 'full';
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
    this.#closed = true;
    await this.#work.idle();
    await this.#journal.close();
  }

  #enqueue(entry: JournalEntry): void {
    void this.#work.run(async () => {
      if (this.#closed) return;
      try {
        await this.#options.process(entry);
        await this.#journal.done(entry.key);
      } catch (error) {
        this.#options.logger.error('an alert could not be processed; it is tried again at the next start', {
          error: errorMessage(error),
          group: entry.groupKey,
        });
      }
    });
  }
}
