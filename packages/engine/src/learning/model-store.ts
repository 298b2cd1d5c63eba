import { createHash } from 'node:crypto';
import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import type { CausalModel } from '@sage/causal-graph';
import { failure, type Logger, type Outcome, success } from '@sage/core';
import type { LearnerPart } from '../parts.js';
import { ensureDirectory, readIfPresent, writeAtomic } from '../storage/files.js';

export interface StoredModel {
  readonly model: CausalModel;
  readonly trainedMs: number;
}

export interface ModelStoreOptions {
  /** Length of the windows that models are made of: a saved one of another length is left alone. Absent: of any. */
  readonly windowSeconds?: number;
}

const CURRENT = 'model.sage';
const PREVIOUS = 'model-previous.sage';
const OTHER_LENGTH = 'other-length';

/**
 * The model on disk and the one before it. A file is one line of JSON, {"sage":"model","trainedMs":…,"windowSeconds":…,
 * "sha256":"…"}, and below it what the learner saved, whose checksum that is.
 */
export class ModelStore {
  readonly #folder: string;
  readonly #learner: LearnerPart;
  readonly #logger: Logger;
  readonly #windowSeconds: number | undefined;

  constructor(
    folder: string,
    learner: LearnerPart,
    logger: Logger,
    { windowSeconds }: ModelStoreOptions = {},
  ) {
    this.#folder = folder;
    this.#learner = learner;
    this.#logger = logger;
    this.#windowSeconds = windowSeconds;
  }

  async save({ model, trainedMs }: StoredModel): Promise<void> {
    await ensureDirectory(this.#folder);
    const text = this.#learner.save(model);
    const header = JSON.stringify({
      sage: 'model',
      trainedMs,
      windowSeconds: this.#windowSeconds,
      sha256: sha256(text),
    });
    const current = join(this.#folder, CURRENT);
    await rename(current, join(this.#folder, PREVIOUS)).catch(() => {});
    await writeAtomic(current, `${header}\n${text}`);
  }

  /**
   * The newest model that is whole and of windows of the right length. One of another length stays where it is, in
   * case that length comes back; a damaged file is set aside as `<name>.damaged`.
   */
  async load(): Promise<StoredModel | undefined> {
    for (const name of [CURRENT, PREVIOUS]) {
      const path = join(this.#folder, name);
      const text = await readIfPresent(path);
      if (text === undefined) continue;
      const stored = this.#parse(text);
      if (stored.ok) return stored.value;
      if (stored.reason === OTHER_LENGTH) {
        this.#logger.warn('a saved model is not used', { path, why: stored.message });
        continue;
      }
      const aside = `${path}.damaged`;
      this.#logger.error('a saved model cannot be used and was set aside', {
        path,
        aside,
        error: stored.message,
      });
      await rename(path, aside);
    }
    return undefined;
  }

  #parse(text: string): Outcome<StoredModel> {
    const end = text.indexOf('\n');
    const header = parseHeader(text.slice(0, Math.max(0, end)));
    if (header === undefined)
      return failure('damaged', 'it does not begin with the header of a model of Sage');
    const body = text.slice(end + 1);
    if (sha256(body) !== header.sha256) return failure('damaged', 'its checksum does not match its content');
    const [wanted, saved] = [this.#windowSeconds, header.windowSeconds];
    if (wanted !== undefined && saved !== undefined && saved !== wanted) {
      return failure(OTHER_LENGTH, `it was learnt from windows of ${saved} s, windows.seconds is ${wanted}`);
    }
    const loaded = this.#learner.load(body);
    return loaded.ok ? success({ model: loaded.value, trainedMs: header.trainedMs }) : loaded;
  }
}

interface Header {
  readonly trainedMs: number;
  readonly windowSeconds?: number;
  readonly sha256: string;
}

function parseHeader(line: string): Header | undefined {
  try {
    const header = JSON.parse(line);
    return header.sage === 'model' && typeof header.trainedMs === 'number' ? header : undefined;
  } catch {
    return undefined;
  }
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
