import { TOPOLOGY_NAMES } from '@sage/simulator';
import type { Sizes } from './experiment.js';
import { SOCIAL_NETWORK_ROLLOUTS } from './rollout-versions.js';

/** Minutes on two cores: an hour learnt from, few faults. For a first look; intervals are wide. */
export const QUICK: Sizes = {
  name: 'quick',
  topologies: TOPOLOGY_NAMES,
  trainWindows: 120,
  windowSeconds: 30,
  faults: 24,
  calibrationFaults: 48,
  requestsPerSecond: 50,
  sampling: 0.15,
  uninstrumented: { topologies: ['social-network'], shares: [0.1, 0.5] },
  closedLoop: {
    topology: 'social-network',
    calibrationFaults: 12,
    episodes: 4,
    calmWindows: 7,
    faultWindows: 7,
  },
  sensitivity: {
    topology: 'chain',
    windowSeconds: [30, 60],
    trainWindows: [60, 120],
    sampling: {
      topology: 'chain',
      trainWindows: 120,
      faults: 24,
      requestsPerSecond: 50,
      shares: [1, 0.1, 0.01, 0.001],
    },
  },
  rollouts: {
    topology: 'social-network',
    versions: SOCIAL_NETWORK_ROLLOUTS.filter(({ letter }) => ['A', 'F'].includes(letter)),
    windows: [1, 20],
    faults: 24,
  },
  scale: { services: [27, 188, 1000], windows: 40, epochs: 3, questions: 10 },
  overhead: {
    rounds: 3,
    startSeconds: 4,
    warmUpSeconds: 0.3,
    openSeconds: 0.6,
    closedSeconds: 0.4,
    connections: 16,
    attachedSamplings: [1, 0.1, 0.01],
    droppedSamplings: [0.01],
  },
};

/** An hour and a quarter on two cores: a day learnt from, faults enough that an accuracy of 0.95 is known to within 0.03. */
export const FULL: Sizes = {
  name: 'full',
  topologies: TOPOLOGY_NAMES,
  trainWindows: 2880,
  windowSeconds: 30,
  faults: 200,
  calibrationFaults: 192,
  requestsPerSecond: 50,
  sampling: 0.3,
  uninstrumented: { topologies: ['social-network'], shares: [0.05, 0.1, 0.2, 0.5] },
  closedLoop: {
    topology: 'social-network',
    calibrationFaults: 96,
    episodes: 10,
    calmWindows: 10,
    faultWindows: 10,
  },
  sensitivity: {
    topology: 'social-network',
    windowSeconds: [10, 30, 60],
    trainWindows: [120, 480, 2880],
    // Half of these faults move a median, which is all that is seen of 36 traces a window.
    sampling: {
      topology: 'chain',
      trainWindows: 480,
      faults: 216,
      requestsPerSecond: 120,
      shares: [1, 0.1, 0.01, 0.001],
    },
  },
  // Six versions are asked about together; trainings differ with the logarithm of their windows.
  rollouts: {
    topology: 'social-network',
    versions: SOCIAL_NETWORK_ROLLOUTS,
    windows: [1, 20, 60, 160],
    faults: 80,
  },
  // What an epoch takes is the same in the tenth as in the fifth.
  scale: { services: [27, 188, 1000], windows: 200, epochs: 5, questions: 40 },
  // Rounds decide how closely a ratio is known: in twelve the third and the tenth enclose the median in 96 %.
  overhead: {
    rounds: 12,
    startSeconds: 20,
    warmUpSeconds: 0.5,
    openSeconds: 2,
    closedSeconds: 1,
    connections: 16,
    attachedSamplings: [1, 0.1, 0.01],
    droppedSamplings: [1, 0.01],
  },
};
