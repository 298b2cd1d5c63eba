import { join } from 'node:path';
import { errorMessage, failure, type Logger, type Outcome, success } from '@sage/core';
import { AlertJournal } from '../alerts/journal.js';
import { IncidentStore } from '../incidents/incident-store.js';
import { WindowHistory } from '../learning/history.js';
import { ModelStore, type StoredModel } from '../learning/model-store.js';
import type { LearnerPart } from '../parts.js';
import { ensureDirectory } from './files.js';
import { type Lock, type Processes, takeLock } from './lock.js';

/** All that outlives a run: `alerts.jsonl`, `incidents.json`, `windows/`, `models/`; and `lock`, while one lasts. */
export interface DataDir {
  readonly lock: Lock;
  readonly journal: AlertJournal;
  readonly incidents: IncidentStore;
  readonly history: WindowHistory;
  readonly models: ModelStore;
  readonly model: StoredModel | undefined;
}

export interface DataDirOptions {
  readonly learner: LearnerPart;
  readonly historyWindows: number;
  readonly windowSeconds: number;
  readonly logger: Logger;
  readonly processes: Processes;
}

export async function openDataDir(
  folder: string,
  options: DataDirOptions,
): Promise<Outcome<DataDir, 'data-dir'>> {
  try {
    await ensureDirectory(folder);
    const lock = await takeLock(join(folder, 'lock'), options.processes);
    if (!lock.ok) {
      const todo = 'stop that one or give this one a data_dir of its own';
      return failure('data-dir', `data_dir ${folder} is in use by another Sage (${lock.message}): ${todo}`);
    }
    return success({ lock: lock.value, ...(await openParts(folder, lock.value, options)) });
  } catch (error) {
    return failure('data-dir', `data_dir ${folder} cannot be used: ${errorMessage(error)}`);
  }
}

async function openParts(
  folder: string,
  lock: Lock,
  { learner, historyWindows, windowSeconds, logger }: DataDirOptions,
): Promise<Omit<DataDir, 'lock'>> {
  try {
    const models = new ModelStore(join(folder, 'models'), learner, logger, { windowSeconds });
    const model = await models.load();
    const incidents = await IncidentStore.open(join(folder, 'incidents.json'), { logger });
    const history = await WindowHistory.open(join(folder, 'windows'), {
      maxWindows: historyWindows,
      windowSeconds,
      logger,
    });
    const journal = await AlertJournal.open(join(folder, 'alerts.jsonl'), { logger });
    return { journal, incidents, history, models, model };
  } catch (error) {
    await lock.release();
    throw error;
  }
}
