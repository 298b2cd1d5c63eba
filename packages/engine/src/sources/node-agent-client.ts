import {
  type Action,
  type ActionOutcome,
  failure,
  isFeatureName,
  type MetricSample,
  type Outcome,
  success,
  type TargetState,
} from '@sage/core';
import type { AgentConfig } from '../config/config.js';
import { type JsonRequest, requestJson } from '../http/client.js';
import { createTlsFetch } from '../http/tls-fetch.js';

/** The HTTP API of one node agent. */
export interface NodeAgentClient {
  readonly name: string;
  samples(): Promise<Outcome<readonly MetricSample[]>>;
  targets(): Promise<Outcome<readonly TargetState[]>>;
  /** The same `id` twice is one action. */
  act(id: string, action: Action, leaseSeconds: number): Promise<Outcome<ActionOutcome>>;
  release(id: string): Promise<Outcome<ActionOutcome>>;
}

/** With `tls` of its own `fetch` is not used. */
export function createNodeAgentClient(agent: AgentConfig, fetch: typeof globalThis.fetch): NodeAgentClient {
  const send = agent.tls === undefined ? fetch : createTlsFetch(agent.tls);
  const ask = async <T>(path: string, request: JsonRequest, accept: (value: unknown) => T | undefined) => {
    const answer = await requestJson(send, `${agent.url}/api/v1/${path}`, {
      ...request,
      token: agent.token,
    });
    if (!answer.ok) return answer;
    const value = accept(answer.value);
    return value === undefined
      ? failure('invalid', `node agent ${agent.name}: the answer to ${path} is not what this API gives`)
      : success(value);
  };
  return {
    name: agent.name,
    samples: () => ask('samples', {}, listOf(isSample)),
    targets: () => ask('targets', {}, listOf(isTarget)),
    act: (id, action, leaseSeconds) =>
      ask('actions', { method: 'POST', body: { id, action, leaseSeconds }, timeoutMs: 15_000 }, asOutcome),
    release: (id) =>
      ask(`actions/${encodeURIComponent(id)}`, { method: 'DELETE', timeoutMs: 15_000 }, asOutcome),
  };
}

function listOf<T>(accept: (value: unknown) => value is T): (value: unknown) => T[] | undefined {
  return (value) => (Array.isArray(value) ? value.filter(accept) : undefined);
}

function isSample(value: unknown): value is MetricSample {
  const sample = value as Partial<MetricSample> | null;
  return (
    typeof sample?.service === 'string' &&
    (sample.instance === undefined || typeof sample.instance === 'string') &&
    typeof sample.feature === 'string' &&
    isFeatureName(sample.feature) &&
    Number.isFinite(sample.timestampMs) &&
    Number.isFinite(sample.value)
  );
}

function isTarget(value: unknown): value is TargetState {
  return typeof (value as Partial<TargetState> | null)?.target === 'string';
}

function asOutcome(value: unknown): ActionOutcome | undefined {
  const outcome = value as Partial<ActionOutcome> | null;
  const whole =
    typeof outcome?.id === 'string' && typeof outcome.status === 'string' && outcome.action !== undefined;
  return whole ? ({ message: '', writes: [], ...outcome } as ActionOutcome) : undefined;
}
