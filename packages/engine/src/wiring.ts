import { planActions } from '@sage/actuation';
import { buildCausalGraph } from '@sage/causal-graph';
import { ObjectiveWatcher, type ReceiverStarter, startCollector } from '@sage/collector-extension';
import { type Culprit, createRng, type Outcome, success } from '@sage/core';
import { openOrchestrator } from '@sage/orchestrator';
import { diagnose, doseOf, loadRelief, rehearsalOf } from '@sage/root-cause';
import { createJaegerAgentReceiver, createOtlpReceiver } from '@sage/telemetry-source';
import type { Config } from './config/config.js';
import { gvaeLearner } from './learner.js';
import type { CollectorPart, Parts, StartCollectorContext } from './parts.js';
import { prometheusMetrics } from './sources/prometheus.js';

/** Sage's own parts, put together. */
export const sageParts: Parts = {
  startCollector: startSpanSide,
  createWatcher: (objective, brokenWindows) => {
    const watcher = new ObjectiveWatcher({ brokenWindows });
    return { observe: (window) => watcher.observe(window, [objective])[0] };
  },
  buildGraph: buildCausalGraph,
  learner: gvaeLearner,
  diagnose: (context, rng) => diagnose(context, { rng }),
  relief: ({ culprits, probability, ...context }, rng) =>
    doseOf(culprits.map(partOf), context, { rng, probability }),
  loadRelief: ({ probability, ...context }, rng) => loadRelief(context, { rng, probability }),
  rehearse: ({ model, history, objective }, rng) => {
    const question = rehearsalOf(history, objective);
    if (question !== undefined) diagnose({ model, ...question }, { rng });
  },
  plan: planActions,
  prometheus: ({ prometheus }, deps) => prometheus && prometheusMetrics(prometheus, deps),
  // No seed of the configuration: several that were refused together shall not come back together.
  orchestrator: async ({ orchestrator }, { clock, ...deps }) =>
    orchestrator === undefined
      ? success(undefined)
      : openOrchestrator(orchestrator, { ...deps, rng: createRng(clock.now()) }),
};

function partOf({ service, resource }: Culprit): Pick<Culprit, 'service' | 'resource'> {
  return { service, resource };
}

async function startSpanSide({
  config,
  clock,
  logger,
  onWindow,
}: StartCollectorContext): Promise<Outcome<CollectorPart>> {
  const { seconds, slideSeconds } = config.windows;
  return startCollector({
    clock,
    logger,
    receivers: receivers(config),
    windows: { windowSeconds: seconds, slideSeconds },
    onWindow: (window) => onWindow(window),
  });
}

function receivers({ receivers: { otlpHttp, jaegerUdp } }: Config): ReceiverStarter[] {
  const starters: ReceiverStarter[] = [];
  if (otlpHttp !== undefined) {
    starters.push({
      name: 'otlp_http',
      start: (sink) => createOtlpReceiver({ ...otlpHttp, setting: 'receivers.otlp_http', ...sinkOf(sink) }),
    });
  }
  if (jaegerUdp !== undefined) {
    starters.push({
      name: 'jaeger_udp',
      start: (sink) =>
        createJaegerAgentReceiver({ ...jaegerUdp, setting: 'receivers.jaeger_udp', ...sinkOf(sink) }),
    });
  }
  return starters;
}

/** The sink's methods, whatever they are bound to. */
function sinkOf(sink: Parameters<ReceiverStarter['start']>[0]) {
  return {
    onSpans: (spans: Parameters<typeof sink.onSpans>[0]) => sink.onSpans(spans),
    onMetrics: (samples: Parameters<typeof sink.onMetrics>[0]) => sink.onMetrics(samples),
    onError: (error: unknown) => sink.onError(error),
  };
}
