import type { Abduction, CausalGraph, CausalModel, LatencyNode } from '@sage/causal-graph';
import { callsPerSecond, type FeatureName, PERCENTILES, type Percentile, type Window } from '@sage/core';

/** Of each node's own time: p50, p95, p99 are these multiples of it. */
export const PERCENTILE_FACTOR: Readonly<Record<Percentile, number>> = { p50Ms: 1, p95Ms: 1.6, p99Ms: 2 };
export const NORMAL_LOAD = 50;
export const NORMAL_RUNQUEUE = 0.05;

export function ownTimeMs(node: LatencyNode): number {
  if (node.kind === 'server') return 3;
  if (node.kind === 'client') return node.parents.length === 0 ? 1 : 0.2;
  return 0.5;
}

/** Queues form from 20 % above the normal load on. */
export function loadFactor(load: number): number {
  return 1 + Math.max(0, load - 1.2 * NORMAL_LOAD) / 20;
}

/** Spread of a node's own time. */
export function noiseMs(node: LatencyNode, percentile: Percentile): number {
  return 0.1 + 0.03 * ownTimeMs(node) * PERCENTILE_FACTOR[percentile];
}

/** What the model believes of the effect of waiting for a processor, ms per second per second. */
const RUNQUEUE_EFFECT_MS = 40;

export interface LinearModelOptions {
  /** The model knows part of the effect of the run queue. Otherwise all of it is in the residual. */
  readonly knowsContention?: boolean;
  readonly knowsLoad?: boolean;
}

/** An exact additive structural causal model: node = own time + Σ parents + residual. */
export function linearModel(graph: CausalGraph, options: LinearModelOptions = {}): CausalModel {
  type Metrics = ReadonlyMap<string, ReadonlyMap<FeatureName, number>>;
  const own = (node: LatencyNode, percentile: Percentile, load: number, metrics: readonly Metrics[]) => {
    const waiting = node.owners.map((owner) => {
      const readings = metrics.map((layer) => layer.get(owner)?.get('cpu_runqueue_wait_ratio'));
      return (readings.find((value) => value !== undefined) ?? NORMAL_RUNQUEUE) - NORMAL_RUNQUEUE;
    });
    const queueing =
      options.knowsContention === true && (node.kind === 'server' || node.parents.length === 0)
        ? RUNQUEUE_EFFECT_MS * Math.max(0, ...waiting)
        : 0;
    const growth = options.knowsLoad === true ? loadFactor(load) : 1;
    return ownTimeMs(node) * PERCENTILE_FACTOR[percentile] * growth + queueing;
  };
  const loadOf = (window: Window) => callsPerSecond(window, graph.roots[0] ?? '');

  const abduct = (window: Window): Abduction => ({
    window,
    residual: (id, percentile) => {
      const node = graph.latency.find((candidate) => candidate.id === id);
      const observedMs = window.latency.get(id)?.[percentile];
      if (node === undefined || observedMs === undefined) return undefined;
      let expectedMs = own(node, percentile, loadOf(window), [window.metrics]);
      for (const parent of node.parents) expectedMs += window.latency.get(parent.node)?.[percentile] ?? 0;
      return { observedMs, expectedMs, z: (observedMs - expectedMs) / noiseMs(node, percentile) };
    },
  });

  return {
    graph,
    r2: new Map(graph.services.map((service) => [service, 1])),
    foretold: new Map(graph.services.map((service) => [service, 1])),
    abduct,
    predict: (abduction, intervention, { samples = 64, rng }) => {
      const load = [...intervention.load.values()][0] ?? loadOf(abduction.window);
      const worlds = new Map<string, Float64Array>();
      for (const node of graph.latency) {
        for (const percentile of PERCENTILES) {
          const residual = abduction.residual(node.id, percentile);
          const keep = intervention.exogenous.get(node.id) ?? 1;
          const unexplainedMs = (residual?.observedMs ?? 0) - (residual?.expectedMs ?? 0);
          const base = own(node, percentile, load, [intervention.metrics, abduction.window.metrics]);
          const draws = new Float64Array(samples);
          for (let i = 0; i < samples; i++) {
            const noise = noiseMs(node, percentile) * rng.normal();
            // A part in between is how likely all of it stays: in so many of the worlds.
            let ms = base + (i < keep * samples ? unexplainedMs : noise);
            for (const { node: parent } of node.parents)
              ms += worlds.get(`${parent} ${percentile}`)?.[i] ?? 0;
            draws[i] = Math.max(0, ms);
          }
          worlds.set(`${node.id} ${percentile}`, draws);
        }
      }
      return {
        draws: (node, percentile) => worlds.get(`${node} ${percentile}`) ?? new Float64Array(samples),
      };
    },
  };
}
