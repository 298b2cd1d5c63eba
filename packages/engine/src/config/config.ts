import type { FeatureName, Objective } from '@sage/core';

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
}

export interface GrafanaConfig {
  readonly url: string;
  readonly token: string | undefined;
  readonly dashboardUid: string | undefined;
}

export type ActuationMode = 'observe' | 'recommend' | 'act';

/** The configuration of `sage serve`, resolved: defaults filled in, token files read, units in the names. */
export interface Config {
  readonly listen: Address;
  readonly dataDir: string;
  readonly objectives: readonly Objective[];
  readonly windows: { readonly seconds: number; readonly slideSeconds: number };
  /** undefined: that receiver is off. */
  readonly receivers: { readonly otlpHttp: Address | undefined; readonly jaegerUdp: Address | undefined };
  readonly prometheus:
    | {
        readonly url: string;
        readonly serviceLabel: string;
        /** Templates that replace the source's defaults. */
        readonly features: Readonly<Partial<Record<FeatureName, string>>>;
      }
    | undefined;
  readonly nodeAgents: readonly AgentConfig[];
  readonly grafana: GrafanaConfig | undefined;
  readonly alertmanager: { readonly token: string | undefined };
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
