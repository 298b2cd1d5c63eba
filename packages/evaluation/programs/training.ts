/**
 * How long a model of Social Network takes to learn from nothing, against what it may take, on the backend that this
 * machine has:
 *
 *     node packages/evaluation/dist/programs/training.js [--windows N] [--seed N]
 *
 * A day, 2,880 windows of 30 s, is simulated first and not counted. Then seconds are of the clock: nothing else may run
 * meanwhile. R² is of reconstruction on the windows held out from training, after each epoch and of the model at the end.
 */
import { parseArgs } from 'node:util';
import { errorMessage, failure, type Outcome, ProgressDisplay, success } from '@sage/core';
import { type Backend, fitModel, loadBackend, MIN_WINDOWS } from '@sage/gvae';
import { topologyOf } from '../src/suites/simulated-world.js';
import { simulatedTraining } from './simulated-training.js';

const WANTED_R2 = 0.95;
/** From nothing to the wanted R² with 2,880 windows; plain JavaScript is promised nothing. */
const LIMIT_SECONDS: Readonly<Record<Backend, number>> = { tensorflow: 30, wasm: 120, cpu: Number.NaN };
const EXIT_USAGE = 2;

interface Arguments {
  readonly windows: number;
  readonly seed: number;
}

const given = readArguments(process.argv.slice(2));
if (given.ok) {
  await measure(given.value);
} else {
  process.stderr.write(`training: ${given.message}\n`);
  process.exitCode = EXIT_USAGE;
}

function readArguments(args: readonly string[]): Outcome<Arguments, 'usage'> {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        windows: { type: 'string', default: '2880' },
        seed: { type: 'string', default: '1' },
      },
    });
    return success({
      windows: wholeNumber('windows', values.windows, MIN_WINDOWS),
      seed: wholeNumber('seed', values.seed, 0),
    });
  } catch (error) {
    return failure('usage', errorMessage(error));
  }
}

function wholeNumber(name: string, text: string, least: number): number {
  const value = text.trim() === '' ? Number.NaN : Number(text);
  if (Number.isSafeInteger(value) && value >= least) return value;
  throw new RangeError(`--${name} takes a whole number of at least ${least}, not '${text}'`);
}

async function measure({ windows: trainWindows, seed }: Arguments): Promise<void> {
  const display = new ProgressDisplay(process.stderr, () => performance.now());
  const progress = (part: number, words: string) => display.show(part, words);
  const backend = await loadBackend();
  const topology = topologyOf('social-network');
  const { graph, windows } = await simulatedTraining(topology, { trainWindows, seed, progress });
  let learnt = 0;
  let reachedSeconds: number | undefined;
  const beganMs = performance.now();
  const seconds = () => (performance.now() - beganMs) / 1000;
  const model = await fitModel(graph, windows, {
    seed,
    onProgress: ({ epoch, epochs, r2 }) => {
      learnt = epoch;
      if (r2 >= WANTED_R2) reachedSeconds ??= seconds();
      progress(epoch / epochs, `epoch ${epoch} of at most ${epochs}, R² ${r2.toFixed(3)}`);
    },
  });
  const whole = seconds();
  display.clear();
  const reached = reachedSeconds === undefined ? 'never' : `after ${beside(reachedSeconds, backend)}`;
  console.log(
    `${topology.name}, ${windows.length} windows, seed ${seed}, ${backend}: R² ${WANTED_R2} ${reached}; ` +
      `whole training of ${learnt} epochs ${beside(whole, backend)}; ` +
      `R² at the end ${model.overallR2.toFixed(3)}, wanted ${WANTED_R2}, ratio ${(model.overallR2 / WANTED_R2).toFixed(2)}`,
  );
}

/** Seconds and their ratio to the limit. */
function beside(seconds: number, backend: Backend): string {
  const limit = LIMIT_SECONDS[backend];
  if (Number.isNaN(limit)) return `${seconds.toFixed(1)} s, without a limit`;
  return `${seconds.toFixed(1)} s, ratio to ${limit} s ${(seconds / limit).toFixed(2)}`;
}
