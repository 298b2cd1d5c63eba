import type { Clock, CoRunner, FeatureName, MetricSample } from '@sage/core';
import type { TargetConfig } from '../config.js';
import { isAllowedCommand } from '../drivers/allow-list.js';
import type { Site } from '../drivers/site.js';
import { type CpuTimes, parseCpuTimes } from '../procfs/host.js';
import {
  listPids,
  parseIoBytes,
  readCommandLine,
  readProcessStat,
  TICKS_PER_SECOND,
} from '../procfs/process.js';
import { featuresBetween } from './features.js';
import { Probe } from './probe.js';
import { readTarget, type TargetReading } from './reading.js';

export type ProcessUse = Omit<CoRunner, 'pid'>;

interface Candidate {
  readonly startTicks: number;
  readonly cpuTicks: number;
  readonly ioBytes: number | undefined;
  readonly atMs: number;
}

/** Readings of every target, and the last features they gave. Keeps one reading of each and no history. */
export class Sampler {
  readonly #probes = new Map<string, Probe>();
  #readings = new Map<string, TargetReading>();
  #host: CpuTimes = new Map();
  #samples: readonly MetricSample[] = [];
  #candidates = new Map<number, Candidate>();
  #usage: ReadonlyMap<number, ProcessUse> = new Map();
  #busy = false;

  constructor(
    private readonly site: Site,
    private readonly options: { readonly clock: Clock; readonly monotonicMs: () => number },
  ) {
    for (const { name, probe } of site.config.targets) {
      if (probe !== undefined) this.#probes.set(name, new Probe(probe, options.monotonicMs));
    }
  }

  start(): void {
    for (const probe of this.#probes.values()) probe.start();
  }

  stop(): void {
    for (const probe of this.#probes.values()) probe.stop();
  }

  get samples(): readonly MetricSample[] {
    return this.#samples;
  }

  valueOf(target: string, feature: FeatureName): number | undefined {
    return this.#samples.find((sample) => sample.service === target && sample.feature === feature)?.value;
  }

  /** Processes of the co-runner allow-list, by pid, with their use since the reading before. */
  get usage(): ReadonlyMap<number, ProcessUse> {
    return this.#usage;
  }

  /** Takes one reading of everything. A call while another is under way does nothing. */
  async sample(): Promise<void> {
    if (this.#busy) return;
    this.#busy = true;
    try {
      const host = parseCpuTimes(this.site.system.read('/proc/stat') ?? '');
      const targets = this.site.config.targets;
      const readings = await Promise.all(
        targets.map((target) => readTarget(this.site, target, this.options.monotonicMs)),
      );
      this.#samples = targets.flatMap((target, index) => this.#samplesOf(target, readings[index], host));
      this.#readings = new Map(
        targets.flatMap(({ name }, index) => {
          const reading = readings[index];
          return reading === undefined ? [] : [[name, reading] as const];
        }),
      );
      this.#host = host;
      this.#readCandidates();
    } finally {
      this.#busy = false;
    }
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

  #readCandidates(): void {
    if (this.site.config.coRunners.allow.length === 0) return;
    const candidates = new Map<number, Candidate>();
    const usage = new Map<number, ProcessUse>();
    for (const pid of listPids(this.site.system)) {
      const command = readCommandLine(this.site.system, pid);
      if (!isAllowedCommand(this.site, command)) continue;
      const stat = readProcessStat(this.site.system, pid);
      if (stat === undefined) continue;
      const now: Candidate = {
        startTicks: stat.startTicks,
        cpuTicks: stat.cpuTicks,
        ioBytes: parseIoBytes(this.site.system.read(`/proc/${pid}/io`) ?? ''),
        atMs: this.options.monotonicMs(),
      };
      candidates.set(pid, now);
      const before = this.#candidates.get(pid);
      if (before === undefined || before.startTicks !== now.startTicks || now.atMs <= before.atMs) continue;
      const seconds = (now.atMs - before.atMs) / 1000;
      const ioBytes = (now.ioBytes ?? Number.NaN) - (before.ioBytes ?? Number.NaN);
      usage.set(pid, {
        command,
        cpuCores: (now.cpuTicks - before.cpuTicks) / seconds / TICKS_PER_SECOND,
        ...(Number.isNaN(ioBytes) ? {} : { diskBytesPerSecond: Math.max(0, ioBytes) / seconds }),
      });
    }
    this.#candidates = candidates;
    this.#usage = usage;
  }
}
