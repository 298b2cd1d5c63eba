import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import type { Step, StepRecord, Versions } from './step.js';

/** Results of steps as files below a folder, one each. */
export class Records {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** What was measured before of the very same; undefined where it has to be measured (again). */
  find<R>(step: Step<R>, seed: number, versions: Versions): StepRecord<R> | undefined {
    const record = this.#read(step.id);
    const isSame =
      record !== undefined &&
      isDeepStrictEqual(
        [record.seed, record.options, record.versions],
        [seed, JSON.parse(JSON.stringify(step.options)), versions],
      );
    // Written by the same code: its result has the type of that step's.
    return isSame ? (record as StepRecord<R>) : undefined;
  }

  /** Whole or not at all. */
  write(record: StepRecord): void {
    const path = this.#pathOf(record.id);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(`${path}.part`, `${JSON.stringify(record, null, 1)}\n`);
    renameSync(`${path}.part`, path);
  }

  #read(id: string): StepRecord | undefined {
    try {
      return JSON.parse(readFileSync(this.#pathOf(id), 'utf8')) as StepRecord;
    } catch {
      // Missing, or torn by hand: measured again.
      return undefined;
    }
  }

  #pathOf(id: string): string {
    return join(this.#folder, `${id}.json`);
  }
}
