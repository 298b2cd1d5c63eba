import { type Action, quantile, type Span, type TargetState } from '@sage/core';
import { expect } from 'chai';
import {
  type Controls,
  type Fault,
  type FaultKind,
  loadTopology,
  operate,
  type SimulationOptions,
  type SimulationTotals,
} from '../src/index.js';

const social = loadTopology('social-network');
const COMPOSE = '/wrk2-api/post/compose';
const BEGIN_MS = 20_000;
const ACT_MS = 40_000;
const options: SimulationOptions = { durationMs: 80_000, requestsPerSecond: 50, seed: 5, steady: true };

interface Operated {
  readonly spans: readonly Span[];
  readonly totals: SimulationTotals;
}

/** Runs to the end; `at` is asked after every second. */
function run(given: Partial<SimulationOptions>, at: (controls: Controls, nowMs: number) => void): Operated {
  const { batches, controls } = operate(social, { ...options, ...given });
  const spans: Span[] = [];
  for (;;) {
    const { value, done } = batches.next();
    if (done) return { spans, totals: value };
    spans.push(...value.spans);
    at(controls, value.nowMs);
  }
}

const nothing = () => undefined;

function p95({ spans }: Operated, fromMs: number, toMs = Number.POSITIVE_INFINITY): number {
  const roots = spans.filter(
    ({ parentSpanId, operation, startUs }) =>
      parentSpanId === undefined &&
      operation === COMPOSE &&
      startUs >= 1000 * fromMs &&
      startUs < 1000 * toMs,
  );
  return quantile(
    roots.map(({ durationUs }) => durationUs),
    0.95,
  );
}

function stateOf(
  controls: Controls,
  service: string,
): { readonly node: string; readonly state: TargetState } {
  const instance = controls.instances().find((item) => item.service === service);
  if (instance === undefined) throw new Error(`no ${service}`);
  const node = controls.read().find((item) => item.node === instance.node);
  const state = node?.targets.find(({ target }) => target === instance.replica);
  if (state === undefined) throw new Error(`no state of ${service}`);
  return { node: instance.node, state };
}

const pids = ({ coRunners = [] }: TargetState) => coRunners.map(({ pid }) => pid);

describe('controls', () => {
  let calm: Operated;
  before(() => {
    calm = run({}, nothing);
  });

  const table: [kind: FaultKind, service: string, cure: (state: TargetState) => Action[]][] = [
    [
      'cpu',
      'compose-post-service',
      (state) => [{ kind: 'limit-corunner', target: state.target, pids: pids(state) }],
    ],
    [
      'disk',
      'post-storage-mongodb',
      (state) => [{ kind: 'limit-corunner', target: state.target, pids: pids(state), of: 'disk' }],
    ],
    [
      'llc',
      'nginx-web-server',
      (state) => [{ kind: 'limit-corunner', target: state.target, pids: pids(state), of: 'llc' }],
    ],
    [
      'memory',
      'text-service',
      ({ target, memoryLimitBytes }) => [
        { kind: 'memory-limit', target, bytes: memoryLimitBytes?.max ?? Number.NaN },
      ],
    ],
    ['network-delay', 'compose-post-service', ({ target }) => [{ kind: 'link-delay', target, delayMs: 0 }]],
    [
      'network-bandwidth',
      'compose-post-service',
      ({ target, linkMbitPerSecond }) => {
        const mbitPerSecond = linkMbitPerSecond?.max ?? Number.NaN;
        return [
          { kind: 'link-rate', target, mbitPerSecond },
          { kind: 'link-rate', target, mbitPerSecond, direction: 'ingress' },
        ];
      },
    ],
  ];
  for (const [kind, service, cure] of table) {
    it(`undo what ${kind} does to ${service}, and let it come back`, () => {
      const fault: Fault = { kind, service, startMs: BEGIN_MS, endMs: 80_000, intensity: 0.9 };
      const treated = run({ faults: [fault] }, (controls, nowMs) => {
        if (nowMs === ACT_MS) {
          const { node, state } = stateOf(controls, service);
          cure(state).forEach((action, index) => {
            expect(controls.apply(String(index), node, action)).to.deep.include({ ok: true });
          });
        }
        if (nowMs === 60_000) for (const id of ['0', '1']) controls.release(id);
      });
      const usual = p95(calm, BEGIN_MS);
      const sick = p95(treated, 22_000, ACT_MS);
      expect(sick / usual).to.be.above(1.4);
      // Queues of before drain for a moment.
      expect((p95(treated, 43_000, 60_000) - usual) / (sick - usual)).to.be.below(0.25);
      expect((p95(treated, 62_000) - usual) / (sick - usual)).to.be.above(0.5);
    });
  }

  it('let more through where the quota is what is short', () => {
    const surge: Fault = {
      ...{ kind: 'surge', service: 'nginx-web-server', intensity: 1 },
      ...{ startMs: BEGIN_MS, endMs: 80_000 },
    };
    const throttled: number[] = [];
    const treated = run({ faults: [surge] }, (controls, nowMs) => {
      if (nowMs % ACT_MS !== 0) return;
      const short = controls
        .read()
        .flatMap(({ node, targets }) => targets.map((state) => ({ node, state })))
        .filter(({ state }) => (state.cpuThrottledRatio ?? 0) > 0.02);
      throttled.push(short.length);
      if (nowMs > ACT_MS) return;
      short.forEach(({ node, state: { target, cpuQuotaCores } }, index) => {
        controls.apply(String(index), node, { kind: 'cpu-quota', target, cores: cpuQuotaCores?.max ?? 0 });
      });
    });
    expect(throttled[0]).to.be.above(0);
    const sick = p95(treated, 22_000, ACT_MS);
    expect(p95(treated, 45_000) / sick).to.be.below(0.5);
  });

  it('start replicas that take their turn after a while, and stop them', () => {
    const counts: number[] = [];
    const service = 'text-service';
    const { spans, totals } = run({}, (controls, nowMs) => {
      counts.push(controls.instances().filter((item) => item.service === service).length);
      if (nowMs === BEGIN_MS)
        controls.apply('out', 'simulated', { kind: 'scale', target: service, replicas: 3 });
      if (nowMs === BEGIN_MS) expect(controls.scaleState(service)).to.include({ replicas: 3, ready: 1 });
      if (nowMs === 60_000) controls.release('out');
    });
    expect(counts[23]).to.equal(1);
    expect(counts[41]).to.equal(3);
    expect(counts[61]).to.equal(1);
    const served = (instance: string, fromMs: number, toMs: number) =>
      spans.filter(
        (span) =>
          span.instance === instance &&
          span.kind === 'server' &&
          span.startUs >= 1000 * fromMs &&
          span.startUs < 1000 * toMs,
      ).length;
    const among = [0, 1, 2].map((number) => served(`${service}-${number}`, 42_000, 60_000));
    expect(Math.min(...among)).to.be.above(0);
    expect(Math.max(...among) - Math.min(...among)).to.be.below(3);
    expect(served(`${service}-1`, 61_000, 80_000)).to.equal(0);
    expect(totals.failed + totals.refused).to.equal(0);
    expect(totals.arrived - totals.completed).to.equal(totals.underWay);
  });

  it('scrape a replica while it runs', () => {
    const service = 'text-service';
    const { batches, controls } = operate(social, options);
    const seen: number[] = [];
    for (const { nowMs, readings } of batches) {
      if (nowMs === BEGIN_MS) controls.apply('out', '', { kind: 'scale', target: service, replicas: 2 });
      if (nowMs === 60_000) controls.release('out');
      if (readings.some(({ labels }) => labels.pod === `${service}-1`)) seen.push(nowMs);
    }
    expect(Math.min(...seen)).to.be.within(25_000, 52_000);
    expect(Math.max(...seen)).to.be.within(50_000, 61_000);
  });

  it('read what was used since the last reading', () => {
    const fault: Fault = {
      ...{ kind: 'cpu', service: 'text-service', intensity: 1 },
      ...{ startMs: 25_000, endMs: 55_000 },
    };
    const taken: (number | undefined)[] = [];
    run({ faults: [fault] }, (controls, nowMs) => {
      if (nowMs % BEGIN_MS === 0)
        taken.push(stateOf(controls, 'text-service').state.coRunners?.[0]?.cpuCores);
    });
    const [before, during, after] = taken;
    expect([before, after]).to.deep.equal([undefined, undefined]);
    // 0.24 of the time of two cores, for 15 of 20 s.
    expect(during).to.be.closeTo(0.75 * 0.24 * 2, 0.06);
  });

  it('leave the arrivals as they are, and everything where nothing is done', () => {
    const acted = run({}, (controls, nowMs) => {
      if (nowMs === BEGIN_MS)
        controls.apply('out', '', { kind: 'scale', target: 'text-service', replicas: 2 });
    });
    expect(acted.totals.arrived).to.equal(calm.totals.arrived);
    const watched = run({}, (controls) => {
      controls.read();
      controls.allocation();
    });
    expect(watched).to.deep.equal(calm);
  });

  it('say what is in use', () => {
    const { batches, controls } = operate(social, options);
    batches.next();
    const before = controls.allocation();
    const { node, state } = stateOf(controls, 'text-service');
    const cores = (state.cpuQuotaCores?.current ?? 0) + 1;
    controls.apply('quota', node, { kind: 'cpu-quota', target: state.target, cores });
    expect(controls.allocation().cores).to.be.closeTo(before.cores + 1, 1e-9);
    // A knob only gives.
    controls.apply('quota', node, { kind: 'cpu-quota', target: state.target, cores: 0.01 });
    expect(controls.allocation()).to.deep.equal(before);
    expect(before.replicas).to.equal(social.services.length);
  });

  it('refuse what is not there', () => {
    const { controls } = operate(social, options);
    const { node, state } = stateOf(controls, 'text-service');
    const refusal = (where: string, action: Action) => controls.apply('a', where, action);
    const quota = { kind: 'cpu-quota', cores: 1 } as const;
    expect(refusal('node-x', { ...quota, target: state.target })).to.deep.include({
      reason: 'unknown-target',
    });
    expect(refusal(node, { ...quota, target: 'text-service-9' })).to.deep.include({
      reason: 'unknown-target',
    });
    expect(refusal('', { kind: 'scale', target: 'nobody', replicas: 2 })).to.deep.include({
      reason: 'unknown-target',
    });
    expect(refusal(node, { kind: 'disk-weight', target: state.target, weight: 200 })).to.deep.include({
      reason: 'unsupported',
    });
  });
});
