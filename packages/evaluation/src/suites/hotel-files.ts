import { join } from 'node:path';
import { type Objective, type Percentile, RESOURCES } from '@sage/core';
import { readJson } from '../data/files.js';
import { DataError, type Truth } from '../observed.js';

/** The small files of the data set `hotel`; all times are epoch seconds. */

export interface Period {
  readonly startMs: number;
  readonly endMs: number;
}

/** When something was done to the application; what, and to whom, is not said here. */
export interface Injection extends Period {
  readonly id: number;
  readonly kind: string;
  /** The application had recovered from the one before. */
  readonly startedClean: boolean;
}

/** `{"normalStartS": 1795421654.23, "normalEndS": 1795422554.23}` */
export function readUndisturbed(data: string): Period {
  const path = join(data, 'periods.json');
  return periodOf(readJson(path), ['normalStartS', 'normalEndS'], path);
}

const PERCENTILE_OF: Readonly<Record<string, Percentile>> = { 50: 'p50Ms', 95: 'p95Ms', 99: 'p99Ms' };

/** `{"name": "hotel-search", "entryService": "frontend", "operation": "HTTP GET /hotels", "percentile": 95, …}` */
export function readHotelObjective(data: string): {
  readonly objective: Objective;
  readonly windowSeconds: number;
} {
  const path = join(data, 'objective.json');
  const value = recordOf(readJson(path), path);
  const percentile = PERCENTILE_OF[String(value.percentile)];
  if (percentile === undefined) {
    const known = Object.keys(PERCENTILE_OF).join(', ');
    throw new DataError(`${path}: percentile must be one of ${known}, not ${value.percentile}`);
  }
  return {
    objective: {
      name: textOf(value, 'name', path),
      service: textOf(value, 'entryService', path),
      operation: textOf(value, 'operation', path),
      percentile,
      thresholdMs: positiveOf(value, 'thresholdMs', path),
    },
    windowSeconds: positiveOf(value, 'windowSeconds', path),
  };
}

/** `{"faults": [{"id": 1, "kind": "net_loss", "startS": …, "endS": …, "startedClean": true}]}`, by time. */
export function readInjections(data: string): readonly Injection[] {
  const path = faultsPath(data);
  return faultsOf(data)
    .map((fault, index): Injection => {
      const place = `${path}, faults[${index}]`;
      if (typeof fault.startedClean !== 'boolean') {
        throw new DataError(`${place}: startedClean must be true or false`);
      }
      return {
        id: numberOf(fault, 'id', place),
        kind: textOf(fault, 'kind', place),
        startedClean: fault.startedClean,
        ...periodOf(fault, ['startS', 'endS'], place),
      };
    })
    .sort((a, b) => a.startMs - b.startMs);
}

/** The label: whom it was done to. Nobody where no resource is named: a decoy or a surge. */
export function readCulprits(data: string, id: number): readonly Truth[] {
  const path = faultsPath(data);
  const fault = faultsOf(data).find((item) => item.id === id);
  if (fault === undefined) throw new DataError(`${path} has no fault ${id}`);
  if (fault.resource === null) return [];
  const resource = RESOURCES.find((name) => name === fault.resource);
  if (resource === undefined) {
    const known = RESOURCES.join(', ');
    throw new DataError(
      `${path}, fault ${id}: resource must be null or one of ${known}, not '${fault.resource}'`,
    );
  }
  return [{ service: textOf(fault, 'service', `${path}, fault ${id}`), resource }];
}

type JsonRecord = Readonly<Record<string, unknown>>;

function faultsPath(data: string): string {
  return join(data, 'faults.json');
}

function faultsOf(data: string): readonly JsonRecord[] {
  const path = faultsPath(data);
  const { faults } = recordOf(readJson(path), path);
  if (!Array.isArray(faults)) throw new DataError(`${path}: faults must be a list`);
  return faults.map((fault, index) => recordOf(fault, `${path}, faults[${index}]`));
}

function recordOf(value: unknown, place: string): JsonRecord {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new DataError(`${place} must be an object`);
  }
  return value as JsonRecord;
}

function numberOf(value: JsonRecord, key: string, place: string): number {
  const number = value[key];
  if (typeof number !== 'number') throw new DataError(`${place}: ${key} must be a number`);
  return number;
}

function positiveOf(value: JsonRecord, key: string, place: string): number {
  const number = numberOf(value, key, place);
  if (number <= 0) throw new DataError(`${place}: ${key} must be above 0, not ${number}`);
  return number;
}

function textOf(value: JsonRecord, key: string, place: string): string {
  const text = value[key];
  if (typeof text !== 'string' || text === '') throw new DataError(`${place}: ${key} must be a text`);
  return text;
}

function periodOf(value: unknown, [start, end]: readonly [string, string], place: string): Period {
  const record = recordOf(value, place);
  const period = {
    startMs: 1000 * numberOf(record, start, place),
    endMs: 1000 * numberOf(record, end, place),
  };
  if (period.endMs <= period.startMs) throw new DataError(`${place}: ${end} must be after ${start}`);
  return period;
}
