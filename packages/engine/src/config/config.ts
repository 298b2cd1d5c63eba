import type { ActionKind, FeatureName, Objective, ScaleBounds } from '@sage/core';
import type { OrchestratorConfig } from '@sage/orchestrator';
import type { Credentials } from '../http/credentials.js';
import type { TlsIdentity } from '../http/tls-fetch.js';

/** Where to listen. Port 0 lets the system choose. */
export interface Address {
  readonly host: string;
  readonly port: number;
}

export interface AgentConfig {
  readonly name: string;
  /** Without a trailing slash. */
  readonly url: string;
  readonly token: string | undefined;
  /** undefined: as Node.js does by itself, showing no certificate. */
  readonly tls: TlsIdentity | undefined;
}

export interface GrafanaConfig {
  readonly url: string;
  readonly token: string | undefined;
  readonly dashboardUid: string | undefined;
}

export interface PrometheusConfig {
  /** Without a trailing slash. */
  readonly url: string;
  readonly credentials: Credentials | undefined;
  /** Sent with each query, besides. */
  readonly headers: Readonly<Record<string, string>>;
  readonly serviceLabel: string;
  /** What `$window` becomes: how far back a query looks. */
  readonly rangeSeconds: number;
  /** Templates that replace the source's defaults. */
  readonly features: Readonly<Partial<Record<FeatureName, string>>>;
}

export type ActuationMode = 'observe' | 'recommend' | 'act';

export interface ActuationConfig {
  /** Of objectives that say nothing else. */
  readonly mode: ActuationMode;
  /** By the name of the objective. */
  readonly modes: ReadonlyMap<string, ActuationMode>;
  readonly minProbability: number;
  readonly maxActions: number;
  /** undefined: every kind. */
  readonly allow: readonly ActionKind[] | undefined;
  /** Services that may be scaled, by name; undefined in `others`: those that are not named are not. */
  readonly scale: {
    readonly others: ScaleBounds | undefined;
    readonly services: ReadonlyMap<string, ScaleBounds>;
  };
}

/** The configuration of `sage serve`, resolved: defaults filled in, secrets read, units in the names. */
export interface Config {
  readonly listen: Address;
  readonly dataDir: string;
  readonly objectives: readonly Objective[];
  readonly windows: { readonly seconds: number; readonly slideSeconds: number };
  /** undefined: that receiver is off. */
  readonly receivers: { readonly otlpHttp: Address | undefined; readonly jaegerUdp: Address | undefined };
  readonly prometheus: PrometheusConfig | undefined;
  readonly nodeAgents: readonly AgentConfig[];
  /** undefined: nothing is known of where services run, and nothing is scaled. */
  readonly orchestrator: OrchestratorConfig | undefined;
  readonly grafana: GrafanaConfig | undefined;
  /** undefined: anybody who reaches the address may post alerts. */
  readonly alertmanager: { readonly credentials: Credentials | undefined };
  readonly learning: {
    readonly schedule: string;
    readonly minWindows: number;
    readonly historyWindows: number;
    /** undefined: the model's own default. */
    readonly epochs: number | undefined;
    readonly seed: number;
  };
  readonly actuation: ActuationConfig;
  readonly trigger: { readonly collector: boolean; readonly brokenWindows: number };
}

/** What may be done about an objective. */
export function modeOf({ actuation }: Config, objective: string): ActuationMode {
  return actuation.modes.get(objective) ?? actuation.mode;
}

/** How far a service may be scaled; undefined: not at all. */
export function scaleBoundsOf({ actuation }: Config, service: string): ScaleBounds | undefined {
  return actuation.scale.services.get(service) ?? actuation.scale.others;
}
