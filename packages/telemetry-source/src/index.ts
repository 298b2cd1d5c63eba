export {
  createExporterFeatures,
  type ExporterFeatures,
  type ExporterFeaturesOptions,
  type ExporterFeaturesStats,
} from './exporter-features.js';
export type { ExporterReading } from './exporter-reading.js';
export {
  createJaegerAgentReceiver,
  type JaegerAgentReceiver,
  type JaegerAgentReceiverOptions,
  type JaegerAgentReceiverStats,
} from './jaeger-agent-receiver.js';
export { type DatagramFailure, decodeJaegerDatagram } from './jaeger-batch.js';
export type { ListenAddress, ListenFailure } from './listen-failure.js';
export type { DecodedPoints, MetricPoint, PointRejection, PointValue, Temporality } from './metric-point.js';
export { sanitizeOperation, sanitizeService } from './names.js';
export { decodeMetricsJson } from './otlp-json-metrics.js';
export { decodeTracesJson } from './otlp-json-traces.js';
export {
  createMetricFeatures,
  type FeatureReading,
  isFeatureMetric,
  type MetricFeatures,
} from './otlp-metric-features.js';
export { decodeMetricsProtobuf } from './otlp-protobuf-metrics.js';
export { decodeTracesProtobuf } from './otlp-protobuf-traces.js';
export {
  createOtlpReceiver,
  type OtlpReceiver,
  type OtlpReceiverOptions,
  type OtlpReceiverStats,
  type RequestRefusal,
} from './otlp-receiver.js';
export type { Consumer, Overload } from './overload.js';
export { DEFAULT_PROMETHEUS_FEATURES, type PrometheusTemplates } from './prometheus-features.js';
export {
  createPrometheusSource,
  type FeatureFailure,
  type FeatureProblem,
  type PrometheusSource,
  type PrometheusSourceOptions,
} from './prometheus-source.js';
export type { DecodedSpans, SpanRejection } from './raw-span.js';
export {
  type AssemblerDrop,
  type AssemblerStats,
  RpcAssembler,
  type RpcAssemblerOptions,
} from './rpc-assembler.js';
export {
  WindowBuilder,
  type WindowBuilderOptions,
  type WindowBuilderStats,
  type WindowCounts,
} from './window-builder.js';
