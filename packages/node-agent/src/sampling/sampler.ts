import type { Clock, FeatureName, MetricSample } from '@sage/core';
import type { TargetConfig } from '../config.js';
import type { Site } from '../drivers/site.js';
import { type CpuTimes, parseCpuTimes } from '../procfs/host.js';
import { targetPids } from '../targets/find-target.js';
import { CacheMonitor } from './cache-monitor.js';
import { Candidates, type ProcessUse } from './candidates.js';
import { featuresBetween } from './features.js';
import { LinkQueues } from './link-queues.js';
import { Probe } from './probe.js';
import { readTarget, type TargetReading } from './reading.js';

/** Readings of every target, and the last features they gave. Keeps one reading of each and no history. */
export class Sampler {
  readonly #probes = new Map<string, Probe>();
  #readings = new Map<string, TargetReading>();
  #host: CpuTimes = new Map();
  #samples: readonly MetricSample[] = [];
  readonly #candidates: Candidates;
  readonly #queues: LinkQueues;
  readonly #monitor: CacheMonitor;
  #busy = false;

  constructor(
    private readonly site: Site,
    private readonly options: { readonly clock: Clock; readonly monotonicMs: () => number },
  ) {
    this.#candidates = new Candidates(site, options.monotonicMs);
    this.#queues = new LinkQueues(site);
    this.#monitor = new CacheMonitor(site, options.monotonicMs);
    for (const { name, probe } of site.config.targets) {
      if (probe !== undefined) this.#probes.set(name, new Probe(probe, options.monotonicMs));
    }
  }

  start(): void {
    this.#monitor.start();
    for (const probe of this.#probes.values()) probe.start();
  }

  stop(): void {
    for (const probe of this.#probes.values()) probe.stop();
    this.#monitor.stop();
  }

  get samples(): readonly MetricSample[] {
    return this.#samples;
  }

  valueOf(target: string, feature: FeatureName): number | undefined {
    return this.#samples.find((sample) => sample.service === target && sample.feature === feature)?.value;
  }

  /** Processes of the co-runner allow-list, by pid, with their use since the reading before. */
  get usage(): ReadonlyMap<number, ProcessUse> {
    return this.#candidates.usage;
  }

  /** Takes one reading of everything. A call while another is under way does nothing. */
  async sample(): Promise<void> {
    if (this.#busy) return;
    this.#busy = true;
    try {
      const host = parseCpuTimes(this.site.system.read('/proc/stat') ?? '');
      const targets = this.site.config.targets;
      const [queues, caches] = await Promise.all([this.#queues.read(), this.#monitor.read(this.#subjects())]);
      const shared = { queues, caches };
      const readings = await Promise.all(
        targets.map((target) => readTarget(this.site, target, shared, this.options.monotonicMs)),
      );
      this.#samples = targets.flatMap((target, index) => this.#samplesOf(target, readings[index], host));
      this.#readings = new Map(
        targets.flatMap(({ name }, index) => {
          const reading = readings[index];
          return reading === undefined ? [] : [[name, reading] as const];
        }),
      );
      this.#host = host;
      this.#candidates.read(caches);
    } finally {
      this.#busy = false;
    }
  }

  /** Who is counted where the processor can: targets, then those that may be limited. */
  #subjects(): ReadonlyMap<string, readonly number[]> {
    const targets = this.site.config.targets.map(
      (target) => [target.name, targetPids(this.site, target)] as const,
    );
    return new Map([...targets, ...this.#candidates.subjects()]);
  }

  #samplesOf(
    target: TargetConfig,
    after: TargetReading | undefined,
    host: CpuTimes,
  ): readonly MetricSample[] {
    if (after === undefined) return [];
    const before = this.#readings.get(target.name);
    const features = new Map(before === undefined ? [] : featuresBetween(before, after, this.#host, host));
    const probe = this.#probes.get(target.name)?.reading();
    if (probe !== undefined) features.set('network_probe_failure_ratio', probe.failureRatio);
    if (probe?.roundTripMs !== undefined) features.set('network_probe_ms', probe.roundTripMs);
    const timestampMs = this.options.clock.now();
    return [...features].map(([feature, value]) => ({ service: target.name, feature, timestampMs, value }));
  }
}
