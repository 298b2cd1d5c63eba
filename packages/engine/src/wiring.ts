import { planActions } from '@sage/actuation';
import { buildCausalGraph } from '@sage/causal-graph';
import { ObjectiveWatcher, type ReceiverStarter, startCollector } from '@sage/collector-extension';
import type { Outcome } from '@sage/core';
import { diagnose, rehearsalOf } from '@sage/root-cause';
import { createJaegerAgentReceiver, createOtlpReceiver } from '@sage/telemetry-source';
import type { Config } from './config/config.js';
import { gvaeLearner } from './learner.js';
import type { CollectorPart, Parts, StartCollectorContext } from './parts.js';
import { prometheusMetrics } from './sources/prometheus.js';

/** Most knobs that one plan may turn. */
const MAX_ACTIONS = 8;

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
  rehearse: ({ model, history, objective }, rng) => {
    const question = rehearsalOf(history, objective);
    if (question !== undefined) diagnose({ model, ...question }, { rng });
  },
  plan: ({ minProbability, ...context }) =>
    planActions({ ...context, limits: { minProbability, maxActions: MAX_ACTIONS } }),
  prometheus: ({ prometheus }, deps) => prometheus && prometheusMetrics(prometheus, deps),
};

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
