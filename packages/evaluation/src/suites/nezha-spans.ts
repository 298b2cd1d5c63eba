import type { Span, SpanKind } from '@sage/core';
import { Table } from '../data/files.js';
import { DataError } from '../observed.js';
import { serviceOfPod } from './nezha-minutes.js';

/**
 * Spans of one minute: `TraceID,SpanID,ParentID,PodName,OperationName,StartTimeUnixNano,EndTimeUnixNano,Duration`, the
 * parent of a root span `root`, the duration in µs. Kinds are not recorded: a span serves where its parent is of another
 * service or there is none, it calls where a span of another service is its child.
 */
export function readSpans(path: string): Span[] {
  const table = new Table(path);
  const [trace, id, parent, pod, operation, start, duration] = [
    'TraceID',
    'SpanID',
    'ParentID',
    'PodName',
    'OperationName',
    'StartTimeUnixNano',
    'Duration',
  ].map((name) => table.column(name)) as [number, number, number, number, number, number, number];
  const required = (row: number, column: number): number => {
    const value = table.number(row, column);
    if (value === undefined)
      throw new DataError(`${path}, line ${row + 2}, column ${column + 1}: a number is expected`);
    return value;
  };
  const rows = table.rows.map((_, row) => ({
    traceId: table.text(row, trace),
    spanId: table.text(row, id),
    parentSpanId: table.text(row, parent) === 'root' ? undefined : table.text(row, parent),
    service: serviceOfPod(table.text(row, pod), `${path}, line ${row + 2}, PodName`),
    operation: table.text(row, operation),
    startUs: required(row, start) / 1000,
    durationUs: required(row, duration),
  }));
  const serviceOf = new Map(rows.map((span) => [`${span.traceId} ${span.spanId}`, span.service]));
  const parentOf = ({ traceId, parentSpanId }: (typeof rows)[number]) => `${traceId} ${parentSpanId}`;
  const serves = (span: (typeof rows)[number]) =>
    span.parentSpanId === undefined || (serviceOf.get(parentOf(span)) ?? span.service) !== span.service;
  const calling = new Set(rows.filter((span) => span.parentSpanId && serves(span)).map(parentOf));
  return rows.map((span): Span => {
    const calls = calling.has(`${span.traceId} ${span.spanId}`);
    const kind: SpanKind = serves(span) ? 'server' : calls ? 'client' : 'internal';
    return { ...span, kind, error: false, peerService: undefined, instance: undefined };
  });
}
