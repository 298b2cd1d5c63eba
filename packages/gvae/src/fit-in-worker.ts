import { SHARE_ENV, Worker } from 'node:worker_threads';
import type { CausalGraph } from '@sage/causal-graph';
import { plainWindow, type Window } from '@sage/core';
import { FitError } from './fit-error.js';
import type { FitMessage, FitRequest } from './fit-messages.js';
import type { FitOptions } from './fit-model.js';
import type { FittedModel } from './fitted-model.js';
import { loadModel, saveModel } from './model-file.js';

/** As `fitModel`, in a thread of its own, so that a server goes on answering. An abort ends the thread at once. */
export async function fitInWorker(
  graph: CausalGraph,
  windows: readonly Window[],
  options: FitOptions = {},
): Promise<FittedModel> {
  const { signal, onProgress } = options;
  signal?.throwIfAborted();
  const plain = new Map<Window, Window>();
  const sent = (window: Window): Window => {
    // No network reads replicas.
    const { replicas: _, ...read } = window;
    const known = plain.get(window) ?? plainWindow(read);
    plain.set(window, known);
    return known;
  };
  const request: FitRequest = {
    graph,
    windows: windows.map(sent),
    calm: options.calm?.map(sent),
    epochs: options.epochs,
    seed: options.seed ?? options.rng?.integer(2 ** 31) ?? 1,
    present: options.present === undefined ? undefined : saveModel(options.present),
  };
  const worker = new Worker(new URL('./fit-worker.js', import.meta.url), {
    workerData: request,
    // Native TensorFlow reads the environment of the process, which a thread sees and sets only when it is shared.
    env: SHARE_ENV,
  });
  let onAbort: (() => void) | undefined;
  try {
    return await new Promise<FittedModel>((resolve, reject) => {
      onAbort = () => reject(signal?.reason);
      signal?.addEventListener('abort', onAbort, { once: true });
      worker.on('error', reject);
      worker.on('exit', (code) =>
        reject(new Error(`the training thread ended with code ${code} before its answer`)),
      );
      worker.on('message', (message: FitMessage) => {
        if (message.kind === 'progress') onProgress?.(message.progress);
        else if (message.kind === 'unchanged') resolve(options.present as FittedModel);
        else if (message.kind === 'failed') {
          reject(
            message.reason === undefined
              ? new Error(message.message)
              : new FitError(message.reason, message.message),
          );
        } else {
          const loaded = loadModel(message.model, graph);
          if (loaded.ok) resolve(loaded.value);
          else reject(new Error(loaded.message));
        }
      });
    });
  } finally {
    if (onAbort !== undefined) signal?.removeEventListener('abort', onAbort);
    await worker.terminate();
  }
}
