import type { Sizes } from '../src/experiments/experiment.js';
import { plant } from './tree.js';

export const TIERS = ['front', 'middle', 'back'];
const call = (to: string, body: unknown) => ({
  call: { to, op: 'get', client_span: `${to}/get`, server_span: `${to}/get`, body },
});

/** An application of three tiers in a row, in the simulator's format. */
export const SMALL = JSON.stringify({
  meta: { app: 'small' },
  services: TIERS.map((name) => ({ name, jaeger_service: name, kind: 'logic', workers: 16 })),
  pools: [],
  endpoints: [
    {
      name: 'get',
      weight: 1,
      entry: 'front',
      root_spans: ['GET /'],
      tree: call('middle', call('back', { local: null })),
    },
  ],
});

/** All experiments in seconds, on the application in a file of its own. */
export function tinySizes(): Sizes & { readonly topology: string } {
  const topology = `${plant({ 'small.json': SMALL })}/small.json`;
  return {
    name: 'tiny',
    topology,
    topologies: [topology],
    trainWindows: 40,
    windowSeconds: 5,
    faults: 4,
    calibrationFaults: 0,
    requestsPerSecond: 30,
    sampling: 1,
    uninstrumented: { topologies: [topology], shares: [0.4] },
    closedLoop: { topology, calibrationFaults: 4, episodes: 2, calmWindows: 6, faultWindows: 6 },
    sensitivity: {
      topology,
      windowSeconds: [5],
      trainWindows: [40],
      sampling: { topology, trainWindows: 40, faults: 4, requestsPerSecond: 30, shares: [1, 0.001] },
    },
    rollouts: {
      topology,
      versions: [
        {
          letter: 'A',
          words: 'a cache comes',
          edits: [{ edit: 'addCallee', caller: 'middle', name: 'cache' }],
        },
      ],
      windows: [1, 20],
      faults: 6,
    },
    scale: { services: [4, 8], windows: 24, epochs: 2, questions: 2 },
    overhead: {
      rounds: 3,
      startSeconds: 2,
      warmUpSeconds: 1,
      openSeconds: 1,
      closedSeconds: 1,
      connections: 1,
      attachedSamplings: [1, 0.01],
      droppedSamplings: [0.01],
    },
  };
}
