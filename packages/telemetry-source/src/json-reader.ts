import type { Attributes } from './attributes.js';
import { isReadAttribute } from './attributes.js';
import { type SpanOrigin, spanOrigin } from './raw-span.js';

/** A JSON object whose members nobody has checked. */
export type JsonObject = Readonly<Record<string, unknown>>;

/** Says that a document is JSON and not what it should be; `path` is where. */
export class JsonShapeError extends Error {
  constructor(path: string, expected: string, actual: unknown) {
    super(`${path} must be ${expected}, is ${describe(actual)}`);
  }
}

function describe(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'a list';
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}

export function asObject(value: unknown, path: string): JsonObject {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new JsonShapeError(path, 'an object', value);
  }
  return value as JsonObject;
}

/** A list of objects; absent and null are the empty list, as in the JSON mapping of protobuf. */
export function asObjects(value: unknown, path: string): readonly JsonObject[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) throw new JsonShapeError(path, 'a list', value);
  return value.map((item, index) => asObject(item, `${path}[${index}]`));
}

/** An object that may be absent. */
export function asOptionalObject(value: unknown, path: string): JsonObject {
  return value === undefined || value === null ? {} : asObject(value, path);
}

export function asText(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

/** Hex id, lower-cased; anything that is not hex is no id. */
export function asHexId(value: unknown): string {
  if (value === undefined || value === null || value === '') return '';
  return typeof value === 'string' && /^[0-9a-f]+$/i.test(value) ? value.toLowerCase() : '(not hex)';
}

/** Numbers stand as numbers or, of 64 bits, as strings; NaN where neither. */
export function asNumber(value: unknown): number {
  if (typeof value === 'number') return value;
  return typeof value === 'string' && value.trim() !== '' ? Number(value) : Number.NaN;
}

/** An enumeration's number, given as a number or by name. */
export function asEnum(value: unknown, names: readonly string[]): number {
  if (typeof value === 'string') {
    const index = names.indexOf(value);
    return index >= 0 ? index : Number(value) || 0;
  }
  return typeof value === 'number' ? value : 0;
}

/** Nanoseconds, as a string of digits or a number, in microseconds: exact as in the binary encoding. */
export function asMicroseconds(value: unknown): number {
  if (typeof value === 'number') return value / 1000;
  if (typeof value !== 'string' || !/^\d{1,20}$/.test(value)) return Number.NaN;
  return Number(value.slice(0, -3)) + Number(value.slice(-3)) / 1000;
}

/** The attributes that anything reads. */
export function readJsonAttributes(list: readonly JsonObject[], into: Attributes): void {
  for (const { key, value } of list) {
    if (typeof key === 'string' && isReadAttribute(key)) into.set(key, valueText(value));
  }
}

/** All attributes in one text, for telling the series of a metric apart. */
export function jsonSeries(list: readonly JsonObject[]): string {
  return list
    .slice(0, 64)
    .map(({ key, value }) => `${asText(key)}=${valueText(value)}`)
    .sort()
    .join(',');
}

function valueText(value: unknown): string {
  if (typeof value !== 'object' || value === null) return '';
  const { stringValue, boolValue, intValue, doubleValue } = value as JsonObject;
  const scalar = stringValue ?? boolValue ?? intValue ?? doubleValue;
  return (scalar === undefined ? JSON.stringify(value) : String(scalar)).slice(0, 1024);
}

export function readJsonResource(group: JsonObject, path: string): SpanOrigin {
  const attributes: Attributes = new Map();
  const resource = asOptionalObject(group.resource, `${path}.resource`);
  readJsonAttributes(asObjects(resource.attributes, `${path}.resource.attributes`), attributes);
  return spanOrigin(attributes);
}
