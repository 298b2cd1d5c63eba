/**
 * One sample of one series as an exporter exposes it: cAdvisor, the node exporter, the blackbox exporter.
 *
 *     container_cpu_usage_seconds_total{container="geo",pod="geo-0",instance="node-1:8080"} 12.25
 */
export interface ExporterReading {
  /** The metric's name as the exporter spells it. */
  readonly name: string;
  /** `container`: the service. `pod`: its replica. `instance`: host and port of the exporter. And the metric's own. */
  readonly labels: Readonly<Record<string, string>>;
  readonly timestampMs: number;
  /** Cumulative where the name ends in `_total`. */
  readonly value: number;
}
