import { ACTION_KINDS, FEATURE_NAMES } from '@sage/core';
import { validate as validCron } from 'node-cron';
import { z } from 'zod';

/**
 * What the YAML file may say key by key: snake_case, everything optional but the objectives. What keys say about each
 * other is in `crossChecks`; what it all becomes is `Config`.
 */

const address = z.string().refine(isAddress, { error: 'host:port, with a port from 0 to 65535' });
const text = z.string().min(1, { error: 'a text that is not empty' });
const positive = z.number().positive({ error: 'a number above 0' });
/** Where credentials go `instead` of into the URL, from which they would get into logs. */
const url = (instead: string) =>
  z
    .string()
    .refine(isHttpUrl, { error: 'an http:// or https:// URL' })
    .refine(hasNoUserinfo, { error: `a URL without user and password: they belong in ${instead}` });
const label = z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, { error: 'a Prometheus label name' });

const mode = z.enum(['observe', 'recommend', 'act']);

const replicas = z.number().int().min(1).max(10_000);

const actuation = z.strictObject({
  mode: mode.default('observe'),
  min_probability: z.number().min(0).max(1).default(0.7),
  max_actions: z.number().int().min(0).max(100).default(8),
  allow: z.array(z.enum(ACTION_KINDS as [string, ...string[]])).optional(),
  scale: z
    .strictObject({
      min: replicas.optional(),
      max: replicas.optional(),
      services: z.record(text, z.strictObject({ min: replicas.optional(), max: replicas })).default({}),
    })
    .prefault({}),
});

const objective = z.strictObject({
  name: text,
  service: text,
  operation: text,
  percentile: z.enum(['p50', 'p95', 'p99']).default('p99'),
  threshold_ms: positive,
  actuation: mode.optional(),
});

const windows = z.strictObject({
  seconds: z.number().min(1).max(3600).default(30),
  slide_seconds: z.number().min(1).default(10),
});

const receivers = z.strictObject({
  otlp_http: address.nullable().default('127.0.0.1:4318'),
  jaeger_udp: address.nullable().default('127.0.0.1:6831'),
});

const credentials = {
  token_file: text.optional(),
  basic_auth: z
    .strictObject({
      username: z.string().regex(/^[^:]+$/, { error: 'a user name, which holds no colon' }),
      password_file: text,
    })
    .optional(),
};

const headers = z.record(
  z.string().regex(/^[\w!#$%&'*+.^`|~-]+$/, { error: 'the name of a header' }),
  z.string().regex(/^[^\r\n\0]*$/, { error: 'a text of one line' }),
);

const prometheus = z.strictObject({
  url: url('prometheus.basic_auth'),
  ...credentials,
  headers: headers.default({}),
  service_label: label.default('container'),
  range_seconds: z.number().int().min(1).max(86_400).optional(),
  features: z
    .strictObject(Object.fromEntries(FEATURE_NAMES.map((name) => [name, text.optional()])))
    .default({}),
});

const orchestrator = z.strictObject({
  kubernetes: z
    .strictObject({
      kubeconfig: text.optional(),
      context: text.optional(),
      namespaces: z.array(text).default([]),
      selector: text.optional(),
      service_label: text.optional(),
    })
    .optional(),
  swarm: z
    .strictObject({
      url: z
        .string()
        .regex(/^(unix:\/\/\/|(tcp|https?):\/\/)[^@]+$/, {
          error: 'unix:///path, http://host:port or https://host:port',
        })
        .default('unix:///var/run/docker.sock'),
      tls: z.strictObject({ ca_file: text, cert_file: text, key_file: text }).optional(),
      service_label: text.optional(),
      poll_seconds: z.number().min(1).max(3600).default(10),
    })
    .optional(),
  static: z.strictObject({ file: text }).optional(),
});

const learning = z.strictObject({
  schedule: z
    .string()
    .refine((value) => validCron(value), { error: "a cron expression such as '*/15 * * * *'" })
    .default('*/15 * * * *'),
  min_windows: z.number().int().min(20).default(60),
  history_windows: z.number().int().min(10).max(100_000).default(2880),
  epochs: z.number().int().min(1).max(100_000).optional(),
  seed: z.number().int().default(1),
});

export const configSchema = z.strictObject({
  listen: address.default('127.0.0.1:9464'),
  data_dir: text.default('./sage-data'),
  objectives: z.array(objective).min(1, { error: 'at least one objective' }),
  windows: windows.prefault({}),
  receivers: receivers.prefault({}),
  prometheus: prometheus.optional(),
  node_agents: z
    .array(
      z.strictObject({
        name: text,
        url: url('token_file'),
        token_file: text.optional(),
        tls: z
          .strictObject({ ca_file: text.optional(), cert_file: text.optional(), key_file: text.optional() })
          .optional(),
      }),
    )
    .default([]),
  orchestrator: orchestrator.optional(),
  grafana: z
    .strictObject({
      url: url('grafana.token_file'),
      token_file: text.optional(),
      dashboard_uid: text.optional(),
    })
    .optional(),
  alertmanager: z.strictObject(credentials).prefault({}),
  learning: learning.prefault({}),
  actuation: actuation.prefault({}),
  trigger: z
    .strictObject({
      collector: z.boolean().default(true),
      broken_windows: z.number().int().min(1).max(100).default(2),
    })
    .prefault({}),
});

export type RawConfig = z.output<typeof configSchema>;

function isAddress(value: string): boolean {
  const match = /^(\[[0-9A-Fa-f:.]+\]|[^\s:[\]]+):(\d{1,5})$/.exec(value);
  return match !== null && Number(match[2]) <= 65_535;
}

function isHttpUrl(value: string): boolean {
  return URL.canParse(value) && /^https?:$/.test(new URL(value).protocol);
}

function hasNoUserinfo(value: string): boolean {
  if (!URL.canParse(value)) return true;
  const { username, password } = new URL(value);
  return username === '' && password === '';
}
