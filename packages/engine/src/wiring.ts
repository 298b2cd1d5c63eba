import { planActions } from '@sage/actuation';
import { buildCausalGraph } from '@sage/causal-graph';
import { ObjectiveWatcher, type ReceiverStarter, startCollector } from '@sage/collector-extension';
import { type Logger, type MetricSample, type Outcome, success } from '@sage/core';
import { diagnose } from '@sage/root-cause';
import {
  createJaegerAgentReceiver,
  createOtlpReceiver,
  createPrometheusSource,
  DEFAULT_PROMETHEUS_FEATURES,
} from '@sage/telemetry-source';
import type { Config } from './config/config.js';
import { gvaeLearner } from './learner.js';
import type { CollectorPart, MetricSource, Parts, StartCollectorContext } from './parts.js';

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
  plan: ({ minProbability, ...context }) =>
    planActions({ ...context, limits: { minProbability, maxActions: MAX_ACTIONS } }),
  prometheus: prometheusSource,
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

function prometheusSource(
  config: Config,
  { fetch, logger }: { readonly fetch: typeof globalThis.fetch; readonly logger: Logger },
): MetricSource | undefined {
  const { prometheus, windows } = config;
  if (prometheus === undefined) return undefined;
  const source = createPrometheusSource({
    url: prometheus.url,
    serviceLabel: prometheus.serviceLabel,
    features: { ...DEFAULT_PROMETHEUS_FEATURES, ...prometheus.features },
    fetch,
  });
  let told = new Map<string, string>();
  /** Each feature's trouble once, when it begins or changes: the others go on. */
  const tell = () => {
    const present = new Map(source.problems().map(({ feature, message }) => [feature as string, message]));
    for (const [feature, message] of present) {
      if (told.get(feature) !== message)
        logger.warn('a feature has no readings', { feature, problem: message });
    }
    told = present;
  };
  return {
    name: 'prometheus',
    read: async (nowMs): Promise<Outcome<readonly MetricSample[]>> => {
      const read = await source.read({ startMs: nowMs - 1000 * windows.seconds, endMs: nowMs });
      if (!read.ok) return read;
      tell();
      return success(read.value);
    },
  };
}
