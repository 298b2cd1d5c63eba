import { DataError } from '../observed.js';
import type { Progress } from '../progress.js';
import type { Records } from './records.js';
import type { Step, StepRecord, Versions } from './step.js';
import { withPackages } from './versions.js';

/** Runs one step, wherever that is; rejects with a DataError for what cannot be measured. */
export type Execute = (step: Step, progress: Progress) => Promise<unknown>;

export interface RunStepsOptions {
  readonly seed: number;
  readonly versions: Versions;
  readonly records: Records;
  readonly execute: Execute;
  /** Steps at a time; those that measure time run alone. */
  readonly jobs: number;
  readonly nowMs: () => number;
  /** Of a record: when it was begun. */
  readonly now: () => Date;
  readonly progress: Progress;
  /** One line for each step that ends. */
  readonly log: (event: Readonly<Record<string, unknown>>) => void;
  /** Told after each step; what it does is over before it is told again. */
  readonly onStep: (soFar: StepsOutcome) => Promise<void>;
}

export interface StepsOutcome {
  readonly records: readonly StepRecord[];
  /** What could not be measured, and why. */
  readonly failed: readonly { readonly id: string; readonly message: string }[];
}

/** Measures what has not been measured yet; steps of the same id once. */
export async function runSteps(wanted: readonly Step[], options: RunStepsOptions): Promise<StepsOutcome> {
  const { seed, records, execute, jobs, nowMs, now, progress, log, onStep } = options;
  const steps = [...new Map(wanted.map((step) => [step.id, step])).values()];
  const versionsOf = ({ packages }: Step) => withPackages(options.versions, packages);
  const found = new Map<string, StepRecord>();
  const failed: { id: string; message: string }[] = [];
  const parts = new Map<string, number>();
  const soFar = () => ({ records: steps.flatMap(({ id }) => found.get(id) ?? []), failed: [...failed] });
  let told = Promise.resolve();
  const show = (words: string) => {
    const part = [...parts.values()].reduce((sum, value) => sum + value, 0) / steps.length;
    progress(part, `${found.size + failed.length} of ${steps.length} measured; ${words}`);
  };
  for (const step of steps) {
    const before = records.find(step, seed, versionsOf(step));
    if (before === undefined) continue;
    found.set(step.id, before);
    parts.set(step.id, 1);
    log({ event: 'kept', step: step.id, seed, startedAt: before.startedAt });
  }
  const measure = async (step: Step) => {
    const startedAt = now().toISOString();
    const began = nowMs();
    try {
      const result = await execute(step, (part, words) => {
        parts.set(step.id, part);
        show(`${step.id}: ${words}`);
      });
      const seconds = (nowMs() - began) / 1000;
      const { id, options: own } = step;
      const versions = versionsOf(step);
      const record: StepRecord = { id, seed, options: own, versions, startedAt, seconds, result };
      records.write(record);
      found.set(id, record);
      log({ event: 'measured', step: id, seed, options: own, versions, startedAt, seconds });
    } catch (error) {
      if (!(error instanceof DataError)) throw error;
      failed.push({ id: step.id, message: error.message });
      log({ event: 'failed', step: step.id, seed, options: step.options, message: error.message });
    }
    parts.set(step.id, 1);
    show(step.id);
    told = told.then(() => onStep(soFar()));
    await told;
  };
  const open = steps.filter(({ id }) => !found.has(id));
  await inTurns(
    open.filter(({ alone }) => alone !== true),
    jobs,
    measure,
  );
  await inTurns(
    open.filter(({ alone }) => alone === true),
    1,
    measure,
  );
  return soFar();
}

/** At most so many at a time, in their order. */
async function inTurns<T>(
  items: readonly T[],
  atOnce: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const queue = items.values();
  const worker = async () => {
    for (const item of queue) await work(item);
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
}
