import { join } from 'node:path';
import type { Resource } from '@sage/core';
import { readJson } from '../data/files.js';
import { timeAt } from '../data/utc-time.js';
import { DataError, type Truth } from '../observed.js';
import { serviceOfPod } from './nezha-minutes.js';

const LASTS_MS = 180_000;
/** What queued up drains, and a reading covers the minute before it: so long after a fault nothing is undisturbed. */
const MARGIN_MS = 180_000;
const PERFORMANCE = ['cpu_contention', 'cpu_consumed', 'network_delay'];
/** What `root_cause.json` names beside lines of a log, which stand for faults in the code. */
const RESOURCE_OF_COLUMN: Readonly<Record<string, Resource>> = {
  'CpuUsageRate(%)': 'cpu',
  'NetworkP90(ms)': 'network',
};

/** When something was injected, and of what sort. Where is left for `truth`. */
export interface Fault {
  readonly id: string;
  readonly kind: 'performance' | 'code';
  readonly startMs: number;
  readonly endMs: number;
  /** Reads the labels. */
  truth(): readonly Truth[];
}

/** `fault_list.json`: lists by hour of `{"inject_time": "2022-08-22 03:53:54", "inject_type": "cpu_contention", …}`. */
export function readFaults(folder: string): Fault[] {
  const path = join(folder, 'fault_list.json');
  return entriesOf(path)
    .map(({ place, entry }, index): Fault => {
      const type = textAt(entry, 'inject_type', place);
      const time = textAt(entry, 'inject_time', place);
      const startMs = timeAt(time, `${place}, inject_time`);
      return {
        id: `${time.replace(' ', 'T')}/${type}`,
        kind: PERFORMANCE.includes(type) ? 'performance' : 'code',
        startMs,
        endMs: startMs + LASTS_MS,
        truth: () => [readTruth(folder, index)],
      };
    })
    .sort((a, b) => a.startMs - b.startMs);
}

/** Whether nothing was injected during [startMs, endMs), or shortly before. */
export function isUndisturbed(
  { startMs, endMs }: { readonly startMs: number; readonly endMs: number },
  faults: readonly Fault[],
): boolean {
  return faults.every((fault) => endMs <= fault.startMs || startMs >= fault.endMs + MARGIN_MS);
}

function readTruth(folder: string, index: number): Truth {
  const found = entriesOf(join(folder, 'fault_list.json'))[index];
  if (found === undefined)
    throw new DataError(`${join(folder, 'fault_list.json')} changed while it was in use`);
  const { place, entry } = found;
  const service = serviceOfPod(textAt(entry, 'inject_pod', place), `${place}, inject_pod`);
  const path = join(folder, 'root_cause.json');
  const causes = (readJson(path) as Record<string, Record<string, unknown>> | null)?.[service];
  const cause = textAt(causes, textAt(entry, 'inject_type', place), `${path}, "${service}"`);
  return { service, resource: RESOURCE_OF_COLUMN[cause] ?? 'software' };
}

function entriesOf(path: string): { readonly place: string; readonly entry: unknown }[] {
  const hours = readJson(path);
  if (typeof hours !== 'object' || hours === null || Array.isArray(hours)) {
    throw new DataError(`${path}: an object with a list of faults for each hour is expected`);
  }
  const entries = Object.entries(hours).flatMap(([hour, list]) => {
    if (!Array.isArray(list)) throw new DataError(`${path}, "${hour}": a list of faults is expected`);
    return list.map((entry: unknown, index) => ({ place: `${path}, "${hour}", fault ${index + 1}`, entry }));
  });
  if (entries.length === 0) throw new DataError(`${path} holds no fault`);
  return entries;
}

function textAt(entry: unknown, name: string, place: string): string {
  const value = (entry as Record<string, unknown> | null | undefined)?.[name];
  if (typeof value !== 'string')
    throw new DataError(`${place}: ${name} must be a text, not ${JSON.stringify(value)}`);
  return value;
}
