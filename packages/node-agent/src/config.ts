import { failure, type Outcome, success } from '@sage/core';
import { parseDocument } from 'yaml';
import { z } from 'zod';
import { resolveSafety, type SafetyConfig, safetyKeys } from './config-safety.js';

export interface LinkConfig {
  /** undefined: the node's end of the target's own pair of interfaces. */
  readonly device: string | undefined;
  /** `major:minor`, hexadecimal as tc writes them; undefined: the agent queues in an HTB of its own. */
  readonly classid: string | undefined;
  /** The target's, on an interface that several share; empty: the interface is the target's alone. */
  readonly addresses: readonly string[];
  readonly maxMbit: number;
}

export interface RelayConfig {
  readonly url: string;
  readonly link: string;
  readonly nominalDelayMs: number;
}

export interface ProbeConfig {
  readonly host: string;
  readonly port: number;
  /** `connect`: time to open a connection; `echo`: one byte there and back over a connection that stays. */
  readonly mode: 'connect' | 'echo';
}

export interface TargetConfig {
  readonly name: string;
  /** Empty: whatever runs in the cgroup. */
  readonly pids: readonly number[];
  /** Below the controller's mount; undefined: that of the first pid. */
  readonly cgroup: string | undefined;
  /** Instead of pids and cgroup. Of 12 hexadecimal digits at least. */
  readonly containerId: string | undefined;
  /** `namespace/name`, or the uid; `container` undefined: its only one. */
  readonly pod: string | undefined;
  readonly container: string | undefined;
  readonly systemdUnit: string | undefined;
  readonly maxCpuCores: number;
  readonly maxCpuWeight: number;
  readonly maxDiskWeight: number;
  readonly minMemoryBytes: number;
  /** undefined: its memory limit is not changed. */
  readonly maxMemoryBytes: number | undefined;
  readonly link: LinkConfig | undefined;
  readonly relay: RelayConfig | undefined;
  readonly poolsUrl: string | undefined;
  readonly maxPoolSize: number;
  readonly probe: ProbeConfig | undefined;
}

export interface AgentConfig extends SafetyConfig {
  readonly listen: { readonly host: string; readonly port: number };
  readonly node: string;
  readonly journal: string;
  readonly dryRun: boolean;
  readonly tokenFile: string | undefined;
  readonly sysRoot: string;
  readonly leaseSeconds: number;
  /** Whether targets and co-runners get resctrl groups that count what they hold of the cache. */
  readonly cacheMonitoring: boolean;
  /** Between two readings of the targets; a sample says what happened in between. */
  readonly sampleSeconds: number;
  readonly targets: readonly TargetConfig[];
  readonly coRunners: { readonly allow: readonly RegExp[]; readonly suspend: boolean };
}

const name = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$/, 'expected letters, digits, "-", "_", "." (at most 63)');
const httpUrl = z.url({ protocol: /^https?$/, error: 'expected an http:// or https:// URL' });
const port = z.int().min(1).max(65535);

const targetSchema = z
  .strictObject({
    name,
    pids: z.array(z.int().min(2, 'expected a pid above 1')).max(1000).default([]),
    cgroup: z
      .string()
      .refine(
        (path) =>
          path !== '' && path.split('/').every((part) => part !== '' && part !== '.' && part !== '..'),
        'expected a path below the controller\'s mount without a leading "/" and without "." or ".."',
      )
      .optional(),
    container_id: z
      .string()
      .regex(/^[0-9a-f]{12,64}$/, 'expected a container id: 12 to 64 hexadecimal digits, without a scheme')
      .optional(),
    pod: z
      .string()
      .regex(
        /^(?:[a-z0-9][a-z0-9-]{0,62}\/[a-z0-9][a-z0-9.-]{0,252}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{32})$/,
        'expected namespace/name of a pod, or its uid',
      )
      .optional(),
    container: z
      .string()
      .regex(/^[a-z0-9][a-z0-9-]{0,62}$/, 'expected the name of a container of the pod')
      .optional(),
    systemd_unit: z
      .string()
      .regex(
        /^[A-Za-z0-9:_.\\@-]{1,240}\.(?:service|scope|slice)$/,
        'expected the name of a service, scope or slice, for example rate.service',
      )
      .optional(),
    max_cpu_cores: z.number().min(0.05).max(4096).default(1),
    max_cpu_weight: z.int().min(1).max(10_000).default(1000),
    max_disk_weight: z.int().min(1).max(10_000).default(1000),
    min_memory_bytes: z.int().min(1_048_576).default(67_108_864),
    max_memory_bytes: z.int().min(1_048_576).optional(),
    link: z
      .strictObject({
        device: z
          .string()
          .regex(/^[A-Za-z0-9_.@-]{1,15}$/, 'expected the name of a network interface')
          .optional(),
        classid: z
          .string()
          .regex(/^[0-9a-f]{1,4}:[0-9a-f]{1,4}$/, 'expected a class such as "1:10" (hexadecimal)')
          .optional(),
        addresses: z
          .array(z.union([z.ipv4(), z.ipv6()], 'expected an IPv4 or IPv6 address'))
          .max(16)
          .default([]),
        max_mbit: z.number().min(0.1).max(1e5),
      })
      .refine(({ classid, addresses }) => classid === undefined || addresses.length === 0, {
        error: 'expected a class that is there, or addresses for one of its own, not both',
      })
      .refine(
        ({ device, classid, addresses }) =>
          device !== undefined || (classid === undefined && addresses.length === 0),
        { error: 'expected a device with the class or the addresses' },
      )
      .optional(),
    relay: z
      .strictObject({ url: httpUrl, link: name, nominal_delay_ms: z.number().min(0).default(0) })
      .optional(),
    pools_url: httpUrl.optional(),
    max_pool_size: z.int().min(1).max(10_000).default(64),
    probe: z
      .strictObject({ host: z.string().min(1), port, mode: z.enum(['connect', 'echo']).default('connect') })
      .optional(),
  })
  .superRefine((target, context) => {
    const named = [
      target.container_id,
      target.pod,
      target.systemd_unit,
      target.cgroup ?? target.pids[0],
    ].filter((name) => name !== undefined);
    const refuse = (message: string, path: string[] = []) =>
      context.addIssue({ code: 'custom', path, message });
    if (named.length !== 1) {
      refuse(
        'expected pids, or a cgroup whose processes are the target, or one of container_id, pod, systemd_unit',
      );
    }
    if (target.container !== undefined && target.pod === undefined)
      refuse('expected a pod, too', ['container']);
    if (target.max_memory_bytes !== undefined && target.max_memory_bytes < target.min_memory_bytes) {
      refuse(`expected at least min_memory_bytes, ${target.min_memory_bytes}`, ['max_memory_bytes']);
    }
  });

const regularExpression = z.string().transform((source, context) => {
  try {
    return new RegExp(source);
  } catch (error) {
    context.addIssue({
      code: 'custom',
      message: `expected a regular expression: ${(error as Error).message}`,
    });
    return z.NEVER;
  }
});

const listenSchema = z.string().transform((text, context) => {
  const match = /^(?:\[([0-9a-fA-F:]+)\]|([^:\s]+)):(\d{1,5})$/.exec(text);
  const value = Number(match?.[3]);
  if (match === null || value > 65535) {
    context.addIssue({
      code: 'custom',
      message: `expected host:port, for example 127.0.0.1:9465, got "${text}"`,
    });
    return z.NEVER;
  }
  return { host: (match[1] ?? match[2]) as string, port: value };
});

const schema = z
  .strictObject({
    listen: listenSchema.prefault('127.0.0.1:9465'),
    node: name,
    journal: z.string().min(1),
    dry_run: z.boolean().default(true),
    token_file: z.string().min(1).optional(),
    sys_root: z.string().startsWith('/', 'expected an absolute path').default('/'),
    lease_seconds: z.number().min(1).max(86_400).default(600),
    cache_monitoring: z.boolean().default(false),
    sample_seconds: z.number().min(0.5).max(60).default(5),
    targets: z.array(targetSchema).min(1).max(1000),
    co_runners: z
      .strictObject({
        allow: z.array(regularExpression).max(100).default([]),
        suspend: z.boolean().default(false),
      })
      .default({ allow: [], suspend: false }),
    ...safetyKeys,
  })
  .superRefine((config, context) => {
    const seen = new Set<string>();
    config.targets.forEach((target, index) => {
      if (seen.has(target.name)) {
        const message = `expected names to be unique, got "${target.name}" twice`;
        context.addIssue({ code: 'custom', path: ['targets', index, 'name'], message });
      }
      seen.add(target.name);
    });
    for (const { index, message } of linkConflicts(config.targets.map(({ link }) => link))) {
      context.addIssue({ code: 'custom', path: ['targets', index, 'link'], message });
    }
    const knowsClients = config.token_file !== undefined || config.tls?.client_ca_file !== undefined;
    if (!knowsClients && !isLoopback(config.listen.host)) {
      context.addIssue({ code: 'custom', path: ['listen'], message: openToTheWorld(config.listen.host) });
    }
  });

/** An interface is one target's alone, or all that share it say by which addresses they are known. */
function linkConflicts(links: readonly z.output<typeof targetSchema>['link'][]) {
  const own = links.flatMap((link, index) =>
    link?.device === undefined || link.classid !== undefined ? [] : [{ ...link, device: link.device, index }],
  );
  const conflicts: { readonly index: number; readonly message: string }[] = [];
  own.forEach(({ device, addresses, index }, at) => {
    for (const earlier of own.slice(0, at).filter((each) => each.device === device)) {
      const twice = addresses.find((address) => earlier.addresses.includes(address));
      if (addresses.length === 0 || earlier.addresses.length === 0) {
        conflicts.push({ index, message: `expected addresses of each target that shares ${device}` });
      } else if (twice !== undefined) {
        conflicts.push({ index, message: `expected an address of one target only, got ${twice} twice` });
      }
    }
  });
  return conflicts;
}

/** Every error at once, one a line, each with its path and what was expected. */
export function loadAgentConfig(text: string): Outcome<AgentConfig, 'config'> {
  const document = parseDocument(text, { prettyErrors: true });
  if (document.errors.length > 0) {
    return failure('config', document.errors.map((error) => `YAML: ${error.message.trim()}`).join('\n'));
  }
  const parsed = schema.safeParse(document.toJS({ maxAliasCount: 50 }) ?? {});
  if (!parsed.success) {
    const lines = parsed.error.issues.map((issue) => `${pathText(issue.path)}: ${issue.message}`);
    return failure('config', lines.join('\n'));
  }
  return success(resolve(parsed.data));
}

function resolve(raw: z.output<typeof schema>): AgentConfig {
  return {
    listen: raw.listen,
    node: raw.node,
    journal: raw.journal,
    dryRun: raw.dry_run,
    tokenFile: raw.token_file,
    sysRoot: raw.sys_root,
    leaseSeconds: raw.lease_seconds,
    cacheMonitoring: raw.cache_monitoring,
    sampleSeconds: raw.sample_seconds,
    targets: raw.targets.map((target) => ({
      name: target.name,
      pids: target.pids,
      cgroup: target.cgroup,
      containerId: target.container_id,
      pod: target.pod,
      container: target.container,
      systemdUnit: target.systemd_unit,
      maxCpuCores: target.max_cpu_cores,
      maxCpuWeight: target.max_cpu_weight,
      maxDiskWeight: target.max_disk_weight,
      minMemoryBytes: target.min_memory_bytes,
      maxMemoryBytes: target.max_memory_bytes,
      link: target.link && {
        device: target.link.device,
        classid: target.link.classid,
        addresses: target.link.addresses,
        maxMbit: target.link.max_mbit,
      },
      relay: target.relay && {
        url: target.relay.url.replace(/\/$/, ''),
        link: target.relay.link,
        nominalDelayMs: target.relay.nominal_delay_ms,
      },
      poolsUrl: target.pools_url?.replace(/\/$/, ''),
      maxPoolSize: target.max_pool_size,
      probe: target.probe,
    })),
    coRunners: raw.co_runners,
    ...resolveSafety(raw, raw.journal),
  };
}

/** What is wrong with an address beyond loopback where nothing tells clients from strangers. */
export function openToTheWorld(host: string): string {
  return `expected a loopback address, or a token_file or tls.client_ca_file: without one nothing listens on ${host}`;
}

export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host);
}

function pathText(path: readonly PropertyKey[]): string {
  if (path.length === 0) return '(top level)';
  return path
    .map((part, index) =>
      typeof part === 'number' ? `[${part}]` : `${index === 0 ? '' : '.'}${String(part)}`,
    )
    .join('');
}
