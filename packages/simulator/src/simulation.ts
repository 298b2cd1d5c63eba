import type { Rng, Span } from '@sage/core';
import type { ExporterReading } from '@sage/telemetry-source';
import type { Fault } from './faults/fault.js';
import { FaultSchedule } from './faults/fault-schedule.js';
import { HostTarget, ReplicaTarget } from './output/scraper.js';
import { SpanRecorder } from './output/span-recorder.js';
import type { SimulationOptions, SimulationTotals } from './simulate.js';
import type { Topology } from './topology.js';
import { Engine } from './world/engine.js';
import { EVENT, EventHeap } from './world/event-heap.js';
import { Load } from './world/load.js';
import { Network } from './world/network.js';
import { type Call, compileEndpoint } from './world/program.js';
import type { Replica } from './world/replica.js';
import { Scaler } from './world/scaler.js';
import { createWorld, type World } from './world/world.js';
import { WorldControls } from './world-controls.js';

/** Requests under way at which more are turned away. */
const MOST_FRAMES = 200_000;
/** A scrape comes up to so much early or late of the time it is filed under. */
const SCRAPE_JITTER_MS = 200;

/** The world, the load on it, its faults and its observers, driven by one queue of events. */
export class Simulation {
  private readonly world: World;
  private readonly heap = new EventHeap();
  private readonly calls: readonly Call[];
  private readonly shares: readonly number[];
  private readonly load: Load;
  private readonly engine: Engine;
  private readonly recorder: SpanRecorder;
  private readonly faults: FaultSchedule;
  private readonly scaler: Scaler;
  private readonly targets: (ReplicaTarget | HostTarget)[] = [];
  private readonly isTold: readonly boolean[];
  private readonly delayMs: number;
  private readonly choices: Rng;
  private readonly sampler: Rng;
  private readonly scrapes: Rng;
  private readonly sampling: number;
  private readonly scrapeMs: number;
  private readonly originMs: number;
  private readings: ExporterReading[] = [];
  private arrived = 0;
  private refused = 0;
  private events = 0;
  /** Up to when it has run. */
  private nowMs = 0;
  readonly controls: WorldControls;

  constructor(topology: Topology, options: SimulationOptions, rng: Rng) {
    const { requestsPerSecond = 50, replicas = 1, startMs = 0, hosts, faults = [] } = options;
    const world = createWorld(topology, { requestsPerSecond, replicas, hosts });
    this.world = world;
    this.originMs = startMs;
    this.sampling = options.sampling ?? 1;
    this.scrapeMs = 1000 * (options.scrapeSeconds ?? 10);
    this.choices = rng.fork('choices');
    this.sampler = rng.fork('sampling');
    this.scrapes = rng.fork('scrapes');
    this.calls = topology.endpoints.map((endpoint) => compileEndpoint(endpoint, topology));
    this.shares = topology.endpoints.map(({ weight }) => weight);
    this.load = new Load(requestsPerSecond / 1000, startMs, options.steady ?? false, rng.fork('load'));
    this.recorder = new SpanRecorder(topology, startMs, rng.fork('exporters'));
    const network = new Network(topology.network, rng.fork('network'));
    this.engine = new Engine({
      ...world,
      heap: this.heap,
      network,
      tracer: this.recorder,
      rng: rng.fork('engine'),
    });
    this.faults = new FaultSchedule(
      faults.map((fault) => since(fault, startMs)),
      {
        ...{ world, engine: this.engine, load: this.load, heap: this.heap, rng: rng.fork('faults') },
        operated: () => this.controls.impose(),
      },
    );
    this.scaler = new Scaler({
      ...{ world, heap: this.heap, rng: rng.fork('scaling') },
      onUp: (replica) => this.tellOf(replica),
    });
    this.controls = new WorldControls({
      ...{ world, strangers: this.faults.strangers, scaler: this.scaler },
      nowMs: () => this.nowMs,
      refresh: () => this.faults.edge(this.nowMs),
    });
    this.delayMs = topology.network.delayMs;
    const bare = rng.fork('uninstrumented');
    this.isTold = world.replicas.map(() => bare.uniform() >= (options.uninstrumented ?? 0));
    const told = world.replicas.flat().filter(({ serviceIndex }) => this.isTold[serviceIndex]);
    for (const replica of told) this.scrapeFrom(new ReplicaTarget(replica, this.delayMs, this.scrapes), 0);
    for (const host of world.hosts) this.scrapeFrom(new HostTarget(host, this.scrapes), 0);
    this.heap.push(this.load.next(0), EVENT.request, 0);
    this.heap.push(this.load.firstBurst(), EVENT.loadBurst, 0);
  }

  runUntil(endMs: number): void {
    const { heap } = this;
    while (heap.nextMs < endMs) {
      heap.pop();
      this.events += 1;
      this.handle(heap.kind, heap.id, heap.timeMs);
    }
    this.nowMs = endMs;
  }

  /** What has come since the last time; to be asked once a second. */
  take(): { readonly spans: readonly Span[]; readonly readings: readonly ExporterReading[] } {
    const { readings } = this;
    this.readings = [];
    return { spans: this.recorder.deliver(), readings };
  }

  /** Calls outstanding now, by the index of the service. */
  queueDepths(): readonly number[] {
    return this.world.replicas.map((replicas) =>
      replicas.reduce((sum, { outstanding }) => sum + outstanding, 0),
    );
  }

  totals(): SimulationTotals {
    const { completed, failed, latencyMs } = this.engine;
    const { arrived, refused, events } = this;
    const underWay = arrived - refused - completed;
    return { arrived, completed, failed, refused, underWay, events, meanLatencyMs: latencyMs / completed };
  }

  private handle(kind: number, id: number, nowMs: number): void {
    switch (kind) {
      case EVENT.request:
        this.heap.push(this.load.next(nowMs), EVENT.request, 0);
        this.request(nowMs);
        return;
      case EVENT.scrape:
        this.scrape(id, nowMs);
        return;
      case EVENT.loadBurst:
        this.heap.push(this.load.turn(nowMs), EVENT.loadBurst, 0);
        return;
      case EVENT.faultEdge:
        this.faults.edge(nowMs);
        return;
      case EVENT.stress:
        this.faults.stress(id, nowMs);
        return;
      case EVENT.replicaUp:
        this.nowMs = nowMs;
        this.scaler.up(id);
        return;
      default:
        this.engine.handle(kind, id, nowMs);
    }
  }

  private request(nowMs: number): void {
    this.arrived += 1;
    if (this.engine.frames.inUse >= MOST_FRAMES) {
      this.refused += 1;
      return;
    }
    let endpoint = 0;
    let left = this.choices.uniform() - (this.shares[0] as number);
    while (left >= 0 && endpoint + 1 < this.shares.length) left -= this.shares[++endpoint] as number;
    const traceId = this.sampler.uniform() < this.sampling ? this.recorder.newTraceId() : undefined;
    this.engine.start(
      { endpoint, startMs: nowMs, traceId, arrivals: 0 },
      this.calls[endpoint] as Call,
      nowMs,
    );
  }

  /** Exporters find a replica that is up, and its host where that is new. */
  private tellOf(replica: Replica): void {
    const { host, serviceIndex } = replica;
    if (this.isTold[serviceIndex]) {
      this.scrapeFrom(new ReplicaTarget(replica, this.delayMs, this.scrapes), this.nowMs);
    }
    if (host.replicas.length === 1) this.scrapeFrom(new HostTarget(host, this.scrapes), this.nowMs);
  }

  private scrapeFrom(target: ReplicaTarget | HostTarget, nowMs: number): void {
    const id = this.targets.push(target) - 1;
    this.heap.push(nowMs + this.scrapes.uniform() * this.scrapeMs, EVENT.scrape, id);
  }

  private scrape(id: number, nowMs: number): void {
    const target = this.targets[id] as ReplicaTarget | HostTarget;
    if (target.isGone) return;
    // Filed under the time that was planned for it, read when the exporter got round to it.
    const jitterMs = SCRAPE_JITTER_MS * this.scrapes.uniform();
    target.scrape(nowMs, Math.round(this.originMs + nowMs - jitterMs), this.readings);
    this.heap.push(nowMs + this.scrapeMs, EVENT.scrape, id);
  }
}

/** The fault in the world's own time. */
function since(fault: Fault, originMs: number): Fault {
  return {
    ...fault,
    startMs: Math.max(0, fault.startMs - originMs),
    endMs: Math.max(0, fault.endMs - originMs),
  };
}
