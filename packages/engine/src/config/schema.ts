import { FEATURE_NAMES } from '@sage/core';
import { validate as validCron } from 'node-cron';
import { z } from 'zod';

/** What the YAML file may say: snake_case, everything optional but the objectives. See `Config` for what it becomes. */

const address = z.string().refine(isAddress, { error: 'host:port, with a port from 0 to 65535' });
const url = z.string().refine(isHttpUrl, { error: 'an http:// or https:// URL' });
const text = z.string().min(1, { error: 'a text that is not empty' });
const positive = z.number().positive({ error: 'a number above 0' });
const label = z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, { error: 'a Prometheus label name' });

const objective = z.strictObject({
  name: text,
  service: text,
  operation: text,
  percentile: z.enum(['p50', 'p95', 'p99']).default('p99'),
  threshold_ms: positive,
});

const windows = z
  .strictObject({
    seconds: z.number().min(1).max(3600).default(30),
    slide_seconds: z.number().min(1).default(10),
  })
  .refine((value) => value.slide_seconds <= value.seconds, {
    error: 'a number no greater than windows.seconds',
    path: ['slide_seconds'],
  })
  .refine((value) => value.seconds % value.slide_seconds === 0 || value.slide_seconds > value.seconds, {
    error: 'a number that divides windows.seconds',
    path: ['slide_seconds'],
  });

const receivers = z.strictObject({
  otlp_http: address.nullable().default('127.0.0.1:4318'),
  jaeger_udp: address.nullable().default('127.0.0.1:6831'),
});

const template = text;

const prometheus = z.strictObject({
  url,
  service_label: label.default('container'),
  features: z
    .strictObject(Object.fromEntries(FEATURE_NAMES.map((name) => [name, template.optional()])))
    .default({}),
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
  objectives: z
    .array(objective)
    .min(1, { error: 'at least one objective' })
    .superRefine((objectives, context) => {
      const seen = new Set<string>();
      for (const [index, { name }] of objectives.entries()) {
        if (seen.has(name)) {
          context.addIssue({
            code: 'custom',
            path: [index, 'name'],
            message: 'a name that no other objective has',
            input: name,
          });
        }
        seen.add(name);
      }
    }),
  windows: windows.prefault({}),
  receivers: receivers.prefault({}),
  prometheus: prometheus.optional(),
  node_agents: z
    .array(z.strictObject({ name: text, url, token_file: text.optional() }))
    .default([])
    .superRefine((agents, context) => {
      for (const [index, { name }] of agents.entries()) {
        if (agents.findIndex((agent) => agent.name === name) < index) {
          context.addIssue({
            code: 'custom',
            path: [index, 'name'],
            message: 'a name that no other agent has',
            input: name,
          });
        }
      }
    }),
  grafana: z.strictObject({ url, token_file: text.optional(), dashboard_uid: text.optional() }).optional(),
  alertmanager: z.strictObject({ token_file: text.optional() }).prefault({}),
  learning: learning
    .refine((value) => value.min_windows <= value.history_windows, {
      error: 'a number no greater than learning.history_windows',
      path: ['min_windows'],
    })
    .prefault({}),
  actuation: z
    .strictObject({
      mode: z.enum(['observe', 'recommend', 'act']).default('observe'),
      min_probability: z.number().min(0).max(1).default(0.7),
    })
    .prefault({}),
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
