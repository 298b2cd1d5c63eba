import { constants, setPriority } from 'node:os';
import { parentPort, workerData } from 'node:worker_threads';
import { errorMessage } from '@sage/core';
import { FitError } from './fit-error.js';
import type { FitMessage, FitRequest } from './fit-messages.js';
import { fitModel } from './fit-model.js';
import { loadModel, saveModel } from './model-file.js';

const port = parentPort;
if (port === null) throw new Error('this file runs in a worker thread: call fitInWorker');
const send = (message: FitMessage) => port.postMessage(message);
const request = workerData as FitRequest;

// Training shall not slow the application beside it. On Linux this concerns the calling thread alone; elsewhere it would
// hold back the whole process.
if (process.platform === 'linux') setPriority(constants.priority.PRIORITY_LOW);

try {
  const present = request.present === undefined ? undefined : loadModel(request.present);
  const model = await fitModel(request.graph, request.windows, {
    seed: request.seed,
    ...(request.epochs === undefined ? {} : { epochs: request.epochs }),
    ...(present?.ok ? { present: present.value } : {}),
    ...(request.calm === undefined ? {} : { calm: request.calm }),
    onProgress: (progress) => send({ kind: 'progress', progress }),
  });
  const unchanged = present?.ok && model === present.value;
  send(unchanged ? { kind: 'unchanged' } : { kind: 'done', model: saveModel(model) });
} catch (error) {
  send({
    kind: 'failed',
    reason: error instanceof FitError ? error.reason : undefined,
    message: errorMessage(error),
  });
}
