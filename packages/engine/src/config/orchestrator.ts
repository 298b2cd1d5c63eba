import type { OrchestratorConfig, SwarmTls } from '@sage/orchestrator';
import type { RawConfig } from './schema.js';

/** So that what was written just now counts before the next plan is made. */
const FILE_POLL_SECONDS = 5;

export interface OrchestratorSources {
  /** File as written in the configuration → its content. */
  readonly secrets: ReadonlyMap<string, string>;
  /** A path as written in the configuration → the file. */
  readonly resolvePath: (path: string) => string;
}

/** The one orchestrator of a configuration that was checked. */
export function orchestratorOf(
  raw: RawConfig['orchestrator'],
  { secrets, resolvePath }: OrchestratorSources,
): OrchestratorConfig | undefined {
  if (raw?.kubernetes !== undefined) {
    const { kubeconfig, context, namespaces, selector, service_label: serviceLabel } = raw.kubernetes;
    return {
      kind: 'kubernetes',
      kubeconfig: kubeconfig && resolvePath(kubeconfig),
      context,
      namespaces,
      selector,
      serviceLabel,
    };
  }
  if (raw?.swarm !== undefined) {
    const { url, tls, service_label: serviceLabel, poll_seconds: pollSeconds } = raw.swarm;
    const secret = (file: string) => secrets.get(file) ?? '';
    const contents: SwarmTls | undefined = tls && {
      ca: secret(tls.ca_file),
      cert: secret(tls.cert_file),
      key: secret(tls.key_file),
    };
    return { kind: 'swarm', url, tls: contents, serviceLabel, pollSeconds };
  }
  if (raw?.static !== undefined) {
    return { kind: 'static', file: resolvePath(raw.static.file), pollSeconds: FILE_POLL_SECONDS };
  }
  return undefined;
}
