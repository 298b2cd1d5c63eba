export interface KubernetesConfig {
  readonly kind: 'kubernetes';
  /** Path of a kubeconfig; undefined: `KUBECONFIG`, `~/.kube/config`, or the service account of the pod. */
  readonly kubeconfig: string | undefined;
  /** undefined: the kubeconfig's current one. */
  readonly context: string | undefined;
  /** Empty: all. */
  readonly namespaces: readonly string[];
  /** A label selector that pods must match, as `kubectl -l` takes it. */
  readonly selector: string | undefined;
  /** The annotation or label of pods that holds the service's name; undefined: the usual ones. */
  readonly serviceLabel: string | undefined;
}

export interface SwarmTls {
  /** Contents, PEM. */
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

export interface SwarmConfig {
  readonly kind: 'swarm';
  /** `unix:///var/run/docker.sock`, `http://host:2375` or, with `tls`, `https://host:2376`. Of a manager. */
  readonly url: string;
  readonly tls: SwarmTls | undefined;
  /** The label of services that holds the name; undefined: their name, without that of their stack. */
  readonly serviceLabel: string | undefined;
  readonly pollSeconds: number;
}

export interface StaticConfig {
  readonly kind: 'static';
  /** Path of a YAML file, see `parsePlacement`. */
  readonly file: string;
  readonly pollSeconds: number;
}

export type OrchestratorConfig = KubernetesConfig | SwarmConfig | StaticConfig;
