import {
  type LatencyNodeId,
  latencyNodeId,
  nearest,
  type Objective,
  OUTSIDE,
  objectiveNode,
  type Window,
} from '@sage/core';

/** Windows with calls after which an objective that none of them saw is probably misnamed. */
const ENOUGH_WINDOWS = 10;
/** The newest, in which to look for what was meant. */
const RECENT_WINDOWS = 100;
const MAX_NAMED = 5;
const ENTRY = latencyNodeId('server', `${OUTSIDE}>`);

/**
 * Why an objective watches nothing, in words: there is traffic, and no request of it. undefined where it was seen, or
 * it is too early to tell.
 */
export function unseenObjective(objective: Objective, learnable: readonly Window[]): string | undefined {
  if (learnable.length < ENOUGH_WINDOWS) return undefined;
  const node = objectiveNode(objective);
  if (learnable.some(({ latency }) => latency.has(node))) return undefined;
  const nodes = [...new Set(learnable.slice(-RECENT_WINDOWS).flatMap(({ latency }) => [...latency.keys()]))];
  return `no request of ${described(objective)} from outside in ${learnable.length} windows with traffic; ${suggestion(objective, nodes)}`;
}

interface Entry {
  readonly service: string;
  readonly operation: string;
}

function suggestion(objective: Objective, nodes: readonly LatencyNodeId[]): string {
  const inner = nodes.find(
    (id) => id.startsWith('server|') && id.endsWith(`>${objective.service}:${objective.operation}`),
  );
  if (inner !== undefined) {
    const caller = inner.slice('server|'.length, inner.indexOf('>'));
    return `${caller} calls it: an objective is of a request that enters the application`;
  }
  const entries = nodes.filter((id) => id.startsWith(ENTRY)).map((id) => parseEntry(id.slice(ENTRY.length)));
  if (entries.length === 0)
    return 'no request from outside was seen at all: does the entry service send spans?';
  const near = nearest(written(objective), entries.map(written));
  if (near !== undefined) return `did you mean ${described(parseEntry(near))}?`;
  const named = entries.map(described).sort();
  return `seen were ${named.slice(0, MAX_NAMED).join(', ')}${named.length > MAX_NAMED ? ', …' : ''}`;
}

/** As in a node's id. Services hold no colon. */
function written({ service, operation }: Entry): string {
  return `${service}:${operation}`;
}

function parseEntry(text: string): Entry {
  const colon = text.indexOf(':');
  return { service: text.slice(0, colon), operation: text.slice(colon + 1) };
}

function described({ service, operation }: Entry): string {
  return `"${operation}" at ${service}`;
}
