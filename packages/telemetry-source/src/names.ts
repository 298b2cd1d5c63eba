import { OUTSIDE } from '@sage/core';

/** What a resource without `service.name` is called, as OpenTelemetry's SDKs do. */
export const UNKNOWN_SERVICE = 'unknown_service';

const UNNAMED_OPERATION = '(unnamed)';
const MAX_SERVICE_LENGTH = 128;
const MAX_OPERATION_LENGTH = 256;
const MAX_INSTANCE_LENGTH = 128;

/** A service's name as RPC ids can hold it: without `>`, `|`, `:` and control characters, and never the outside's. */
export function sanitizeService(name: string | undefined): string {
  const clean = (name ?? '')
    .slice(0, MAX_SERVICE_LENGTH)
    .replace(/[>|:\p{Cc}]/gu, '_')
    .trim();
  if (clean === '') return UNKNOWN_SERVICE;
  return clean === OUTSIDE ? `_${clean}` : clean;
}

/** An operation may hold anything but control characters: it comes last in an RPC id. */
export function sanitizeOperation(name: string): string {
  const clean = name
    .slice(0, MAX_OPERATION_LENGTH)
    .replace(/\p{Cc}/gu, ' ')
    .trim();
  return clean === '' ? UNNAMED_OPERATION : clean;
}

/** A replica's name without `|` and control characters; undefined where nothing is left that names one. */
export function sanitizeInstance(name: string | undefined): string | undefined {
  if (name === undefined) return undefined;
  const clean = name
    .slice(0, MAX_INSTANCE_LENGTH)
    .replace(/[|\p{Cc}]/gu, '_')
    .trim();
  return clean === '' ? undefined : clean;
}
