import type { FeatureName, Objective } from '@sage/core';
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
  readonly actuation: { readonly mode: ActuationMode; readonly minProbability: number };
  readonly trigger: { readonly collector: boolean; readonly brokenWindows: number };
}
