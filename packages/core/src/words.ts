/** Numbers, measurements and actions in the words that terminals, annotations and the page share. Imports nothing. */
import type { Action, SharedResource } from './action.js';
import type { LatencyNodeId } from './window.js';

/** “4.2 ms”, “73 ms”, “1.25 s”; “–” where there is no number. */
export function milliseconds(value: number | null | undefined): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return '–';
  if (value >= 10_000) return `${(value / 1000).toFixed(1)} s`;
  if (value >= 1000) return `${(value / 1000).toFixed(2)} s`;
  return `${value < 10 ? value.toFixed(1) : Math.round(value)} ms`;
}

/** “81 %”; never 0 or 100 for what only rounds to it. */
export function percent(ratio: number | null | undefined): string {
  if (ratio === null || ratio === undefined || !Number.isFinite(ratio)) return '–';
  const value = 100 * ratio;
  if (value > 99 && value < 100) return '> 99 %';
  if (value > 0 && value < 1) return '< 1 %';
  return `${Math.round(value)} %`;
}

/** A reading in its unit (UCUM, as features have it); ratios, whose unit is `1`, become per cent. */
export function measured(value: number, unit: string, name: string): string {
  if (!Number.isFinite(value)) return '–';
  if (unit === 'ms') return milliseconds(value);
  if (unit === 'By' || unit === 'By/s') return `${bytes(value)}${unit === 'By/s' ? '/s' : ''}`;
  if (unit === '1' && name.endsWith('_ratio')) return percent(value);
  const number = Math.abs(value) >= 100 ? String(Math.round(value)) : trimmed(value);
  if (unit === '1') return number;
  return unit === '1/s' ? `${number}/s` : `${number} ${unit}`;
}

/** Of one replica beside the others: `replica|geo-1` is its latency, `replica|geo-1|cpu_throttled_ratio` a feature. */
const REPLICA = /^replica\|([^|]*)(?:\|(\w+))?$/;

const LATENCY_NODE = /^(client|server|request|response)\|([^>]+)>([^:]+):(.*)$/;

/** `cpu_runqueue_wait_ratio`, `request|frontend>search:Nearby` and `replica|geo-1` in words. */
export function measurementName(name: string): string {
  const [ofReplica, replica, feature] = REPLICA.exec(name) ?? [];
  if (ofReplica !== undefined) {
    const what = feature === undefined ? 'time' : measurementName(feature);
    return `${what} in replica ${replica} against the others`;
  }
  const [, kind, caller, callee, operation] = LATENCY_NODE.exec(name) ?? [];
  switch (kind) {
    case 'client':
      return `${callee} as seen by ${caller} (${operation})`;
    case 'server':
      return `time in ${callee} (${operation})`;
    case 'request':
      return `the way from ${caller} to ${callee} (${operation})`;
    case 'response':
      return `the way from ${callee} back to ${caller} (${operation})`;
    default:
      return name.replace(/_(ratio|ms|bytes_per_second|bytes|per_second|cores)$/, '').replaceAll('_', ' ');
  }
}

/** “frontend HTTP GET /hotels”: the operation that a latency node is of; the name itself where it is none. */
export function operationName(node: LatencyNodeId): string {
  const [, , , callee, operation] = LATENCY_NODE.exec(node) ?? [];
  return callee === undefined ? node : `${callee} ${operation}`;
}

/** What is different once an action is in force. */
export function actionWords(action: Action): string {
  const { target } = action;
  switch (action.kind) {
    case 'cpu-quota':
      return `${target} may use ${counted(action.cores, 'core')}`;
    case 'cpu-weight':
      return `${target} has a processor weight of ${action.weight}`;
    case 'cpu-set':
      return `${target} runs on ${counted(action.cpus.length, 'processor')}`;
    case 'cpu-frequency':
      return `the processor of ${target} runs at ${(action.minKhz / 1e6).toFixed(1)} GHz or more`;
    case 'limit-corunner':
      return `${counted(action.pids.length, 'process', 'es')} beside ${target} ${action.pids.length === 1 ? 'is' : 'are'} held back${sharedWords(action.of)}`;
    case 'llc-ways':
      return `${target} has ${counted(action.ways, 'way')} of the last-level cache to itself`;
    case 'memory-limit':
      return `${target} may use ${bytes(action.bytes)} of memory`;
    case 'memory-bandwidth':
      return `${target} has a memory bandwidth of ${action.value}`;
    case 'disk-weight':
      return `${target} has a disk weight of ${action.weight}`;
    case 'link-rate':
      return `the link ${action.direction === 'ingress' ? 'to' : 'of'} ${target} carries ${action.mbitPerSecond} Mbit/s`;
    case 'link-delay':
      return `the link of ${target} is back to a delay of ${action.delayMs} ms`;
    case 'pool-size':
      return `the pool ${action.pool} of ${target} has ${counted(action.size, 'connection')}`;
    case 'scale':
      return `${target} has ${counted(action.replicas, 'replica')}`;
  }
}

const SHARED_WORDS: Readonly<Record<SharedResource, string>> = {
  cpu: '',
  llc: ' in the last-level cache',
  'memory-bandwidth': ' in memory bandwidth',
  disk: ' on the disk',
  network: ' on the network',
};

function sharedWords(of: SharedResource = 'cpu'): string {
  return SHARED_WORDS[of];
}

function counted(count: number, noun: string, plural = 's'): string {
  return `${count} ${noun}${count === 1 ? '' : plural}`;
}

function bytes(value: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let rest = value;
  let step = 0;
  while (Math.abs(rest) >= 1000 && step < units.length - 1) {
    rest /= 1000;
    step++;
  }
  return `${trimmed(rest)} ${units[step]}`;
}

function trimmed(value: number): string {
  return String(Number(value.toFixed(Math.abs(value) < 10 ? 2 : 1)));
}
