import { createRequire } from 'node:module';
import { dirname, sep } from 'node:path';
import util from 'node:util';
import * as tf from '@tensorflow/tfjs-core';
import { registerGradients } from './gradients.js';

export type Backend = 'tensorflow' | 'wasm' | 'cpu';

let loading: Promise<Backend> | undefined;

/**
 * Picks the fastest way to compute that this machine has: native TensorFlow, else WebAssembly. The first call of a thread
 * decides for it; with `'wasm'` it leaves native TensorFlow alone.
 */
export function loadBackend(wanted: 'fastest' | 'wasm' = 'fastest'): Promise<Backend> {
  loading ??= pickBackend(wanted).then((backend) => {
    registerGradients();
    return backend;
  });
  return loading;
}

async function pickBackend(wanted: 'fastest' | 'wasm'): Promise<Backend> {
  if (wanted === 'fastest' && (await tryNative())) return 'tensorflow';
  const guards = ['uncaughtException', 'unhandledRejection'] as const;
  const before = guards.map((event) => new Set<unknown>(process.listeners(event as 'uncaughtException')));
  try {
    return await startWasm();
  } finally {
    // The WebAssembly loader makes every stray rejection of the whole process fatal; that is not its to decide.
    guards.forEach((event, i) => {
      for (const listener of process.listeners(event as 'uncaughtException')) {
        if (!before[i]?.has(listener)) process.removeListener(event, listener);
      }
    });
  }
}

async function startWasm(): Promise<Backend> {
  const wasm = await import('@tensorflow/tfjs-backend-wasm');
  const file = createRequire(import.meta.url).resolve('@tensorflow/tfjs-backend-wasm');
  wasm.setWasmPaths(`${dirname(file)}${sep}`);
  if (await tf.setBackend('wasm')) {
    await tf.ready();
    return 'wasm';
  }
  // A thread where tfjs was set up before by whoever embeds this package may have brought its own backend.
  await tf.ready();
  return 'cpu';
}

/** TensorFlow takes these from the environment alone. What the user has set stays. */
const NATIVE_SETTINGS = {
  // Its own threads would keep the priority of whoever started them first, and a training in its own thread shall give
  // way. Operations here are too small for several threads to gain anything.
  TF_NUM_INTRAOP_THREADS: '1',
  TF_NUM_INTEROP_THREADS: '1',
  // Warnings and errors; below them it greets with what the processor could do.
  TF_CPP_MIN_LOG_LEVEL: '1',
};

async function tryNative(): Promise<boolean> {
  for (const [name, value] of Object.entries(NATIVE_SETTINGS)) process.env[name] ??= value;
  // tfjs-node 4.22 calls util.isNullOrUndefined, which Node 23 took away, and util.isArray, at which Node 24 warns.
  const legacy: { isNullOrUndefined?: (value: unknown) => boolean; isArray?: typeof Array.isArray } = util;
  legacy.isNullOrUndefined ??= (value) => value === null || value === undefined;
  legacy.isArray = Array.isArray;
  const name = '@tensorflow/tfjs-node';
  try {
    await import(name);
    return await tf.setBackend('tensorflow');
  } catch {
    return false;
  }
}
