import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { errorMessage, type Span, type SpanKind } from '@sage/core';
import { sanitizeOperation, sanitizeService } from '@sage/telemetry-source';
import { parse } from 'csv-parse';
import { DataError } from '../observed.js';

const COLUMNS = [
  'traceId',
  'spanId',
  'parentId',
  'service',
  'operation',
  'kind',
  'startUs',
  'durationUs',
  'error',
] as const;
type Column = (typeof COLUMNS)[number];

const KINDS: ReadonlySet<string> = new Set<SpanKind>([
  'client',
  'server',
  'producer',
  'consumer',
  'internal',
]);

/**
 * Recorded spans as a receiver would hand them on, in the file's order, one at a time: the file may be larger than
 * memory. Packed with gzip:
 *
 *     traceId,spanId,parentId,service,operation,kind,startUs,durationUs,error
 *     ec0fd151e07cc7f,3ccbd200284c53cc,29f70d39185a9dbc,geo,/geo.Geo/Nearby,server,1795421579342072,190,0
 *
 * Ids lack leading zeros. Throws a DataError with file and line.
 */
export async function* readSpans(path: string): AsyncGenerator<Span> {
  let line = 0;
  let at: ReadonlyMap<string, number> | undefined;
  for await (const cells of rowsOf(path)) {
    line += 1;
    if (at === undefined) at = columnsOf(cells, path);
    else yield spanOf(cells, at, `${path}, line ${line}`);
  }
  if (at === undefined) throw new DataError(`${path} is empty; columns ${COLUMNS.join(', ')} are expected`);
}

async function* rowsOf(path: string): AsyncGenerator<readonly string[]> {
  // What goes wrong on the way reaches the reader through the last stream; a reader that stops early is no failure.
  const rows = pipeline(createReadStream(path), createGunzip(), parse({ bom: true }), () => undefined);
  try {
    for await (const row of rows) yield row as readonly string[];
  } catch (error) {
    throw new DataError(`${path} cannot be read: ${errorMessage(error)}`);
  }
}

function columnsOf(header: readonly string[], path: string): ReadonlyMap<string, number> {
  for (const name of COLUMNS) {
    if (!header.includes(name)) {
      throw new DataError(`${path} has no column '${name}'; it has ${header.join(', ')}`);
    }
  }
  return new Map(header.map((name, index) => [name, index]));
}

function spanOf(cells: readonly string[], at: ReadonlyMap<string, number>, place: string): Span {
  const text = (column: Column) => cells[at.get(column) ?? -1] ?? '';
  const id = (column: Column, digits: number) => {
    const value = text(column);
    if (!/^[0-9a-f]+$/.test(value) || value.length > digits) {
      throw new DataError(`${place}: ${column} must be hex digits, ${digits} at most, not '${value}'`);
    }
    return value.padStart(digits, '0');
  };
  const count = (column: Column) => {
    const value = Number(text(column) || Number.NaN);
    if (!Number.isSafeInteger(value) || value < 0) {
      throw new DataError(`${place}: ${column} must be whole microseconds, not '${text(column)}'`);
    }
    return value;
  };
  const kind = text('kind');
  if (!KINDS.has(kind)) {
    throw new DataError(`${place}: kind must be one of ${[...KINDS].join(', ')}, not '${kind}'`);
  }
  return {
    traceId: id('traceId', 32),
    spanId: id('spanId', 16),
    parentSpanId: text('parentId') === '' ? undefined : id('parentId', 16),
    service: sanitizeService(text('service')),
    operation: sanitizeOperation(text('operation')),
    kind: kind as SpanKind,
    startUs: count('startUs'),
    durationUs: count('durationUs'),
    error: text('error') === '1',
    peerService: undefined,
    instance: undefined,
  };
}
