/**
 * How long plans take in a large installation, against what they may:
 *
 *     node packages/actuation/dist/programs/plan-time.js [services]
 *
 * Three replicas of each service on nodes of thirty targets, every target with all its knobs and ten neighbours, eight
 * knobs in force. One plan: where everything runs is put together and one culprit helped. All: every service is one.
 */
import {
  type Culprit,
  type Diagnosis,
  type Instance,
  quantile,
  RESOURCES,
  type TargetState,
} from '@sage/core';
import { type NodeTargets, type PlanInput, place, planActions } from '../src/index.js';

const LIMIT_MS = 10;
const REPLICAS = 3;
const PER_NODE = 30;
const RUNS = 200;

const services = Number(process.argv[2] ?? 1000);
const instances = Array.from({ length: services * REPLICAS }, (_, index): Instance => {
  const service = `s${index % services}`;
  const node = `node-${Math.floor(index / PER_NODE)}`;
  return { service, replica: `${service}-${index}`, node, containerIds: [], address: undefined };
});
const nodes = [...new Set(instances.map(({ node }) => node))].map(
  (node): NodeTargets => ({
    node,
    targets: instances
      .filter((instance) => instance.node === node)
      .map(({ replica }, index) => target(replica, index)),
  }),
);

function target(name: string, seed: number): TargetState {
  return {
    target: name,
    cpuQuotaCores: { current: 1, max: 4 },
    cpuThrottledRatio: (seed % 5) / 10,
    cpuWeight: { current: 100, max: 10_000 },
    cpuFrequencyKhz: { currentMin: 1_000_000, max: 3_000_000 },
    memoryLimitBytes: { current: 1e8, max: 1e9, used: 9e7 },
    diskWeight: { current: 100, max: 1000 },
    llcWays: { current: 3, max: 11 },
    linkMbitPerSecond: { current: 10, max: 1000 },
    linkDelayMs: { current: 40, nominal: 2 },
    pools: [{ pool: 'db', size: 4, pending: seed % 3, max: 64 }],
    coRunners: Array.from({ length: 10 }, (_, pid) => ({ pid, command: `batch-${pid % 4}`, cpuCores: 0.2 })),
    limitable: ['cpu', 'disk'],
  };
}

function input(index: number, placement: PlanInput['placement']): PlanInput {
  const resource = RESOURCES[index % RESOURCES.length] ?? 'cpu';
  const culprit: Culprit = {
    service: `s${index % services}`,
    resource,
    probability: 0.9,
    share: 1,
    effectMs: 50,
    evidence: [],
  };
  const diagnosis: Diagnosis = {
    objective: 'front',
    verdict: 'culprits',
    windowStartMs: 0,
    windowEndMs: 30_000,
    observedMs: 200,
    thresholdMs: 100,
    culprits: [culprit],
    services: [],
    resources: [],
    victims: [],
    reason: '',
  };
  return {
    diagnosis,
    culprit,
    placement,
    relief: { enough: 0.5, expectedMs: 80, restoredMs: 40 },
    inForce: Array.from({ length: 8 }, (_, held) => ({
      node: `node-${held}`,
      action: { kind: 'cpu-quota', target: `s${held}-${held}`, cores: 2 },
    })),
    limits: { minProbability: 0.7, maxActions: 8 },
  };
}

const one = Array.from({ length: RUNS }, (_, index) => {
  const began = performance.now();
  planActions(input(index, place(nodes, instances)));
  return performance.now() - began;
});
const placement = place(nodes, instances);
const began = performance.now();
let actions = 0;
for (let index = 0; index < services; index++) actions += planActions(input(index, placement)).actions.length;
const allMs = performance.now() - began;

const ratio = (ms: number) => `${ms.toFixed(2)} ms, ${(ms / LIMIT_MS).toFixed(2)} of ${LIMIT_MS} ms`;
console.log(`${services} services, ${instances.length} targets on ${nodes.length} nodes`);
console.log(`one plan, p50: ${ratio(quantile(one, 0.5))}; p99: ${ratio(quantile(one, 0.99))}`);
console.log(`${services} plans (${actions} actions): ${((1000 * allMs) / services).toFixed(0)} µs each`);
