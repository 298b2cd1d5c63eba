export type {
  ActuationConfig,
  ActuationMode,
  Address,
  AgentConfig,
  Config,
  GrafanaConfig,
  PrometheusConfig,
} from './config/config.js';
export type { ConfigIssue } from './config/issues.js';
export { type ConfigFailure, checkConfig, type LoadConfigOptions, loadConfig } from './config/load.js';
export { CONFIG_KEYS } from './config/schema-walk.js';
export { startEngine } from './engine.js';
export type { Engine, EngineDeps } from './engine-face.js';
export type { EngineEvent, TrainingEvent } from './events.js';
export type { Credentials } from './http/credentials.js';
export type {
  Incident,
  IncidentAction,
  IncidentSource,
  PlanState,
  TimelineEntry,
} from './incidents/incident.js';
export type {
  CollectorPart,
  CollectorStats,
  DiagnoseContext,
  FitContext,
  LearnerPart,
  MetricSource,
  Parts,
  ReliefContext,
  StartCollectorContext,
  TrainingProgress,
  WatcherPart,
} from './parts.js';
export { checkConfigFile, readConfigFile, runServe, type ServeOptions, type Signal } from './serve.js';
export type { ServiceGraph, ServiceState } from './service-view.js';
export { type FeatureProbe, probePrometheus } from './sources/prometheus.js';
export type { EngineState, SeriesPoint } from './state.js';
export type { WhatIfAnswer, WhatIfQuestion } from './what-if.js';
