import type { z } from 'zod';
import { configSchema } from './schema.js';

/** The keys that the schema knows at a path, for suggestions. */
export function knownKeys(path: readonly PropertyKey[]): string[] {
  return Object.keys(unwrap(schemaAt(path))?.shape ?? {});
}

/** At the top level of a configuration. */
export const CONFIG_KEYS: readonly string[] = knownKeys([]);

/** What a key says, or its default; undefined where it is wrong by itself. */
export function validValue(input: unknown, path: readonly PropertyKey[]): unknown {
  const parsed = schemaAt(path)?.safeParse(valueAt(input, path));
  return parsed?.success ? parsed.data : undefined;
}

export function valueAt(input: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (value, part) =>
      value !== null && typeof value === 'object' ? (value as Record<PropertyKey, unknown>)[part] : undefined,
    input,
  );
}

interface SchemaNode extends z.ZodType {
  readonly shape?: Readonly<Record<string, SchemaNode>>;
  readonly element?: SchemaNode;
  /** Of a mapping whose keys are anything. */
  readonly valueType?: SchemaNode;
}

function schemaAt(path: readonly PropertyKey[]): SchemaNode | undefined {
  return path.reduce<SchemaNode | undefined>((node, part) => {
    const inner = unwrap(node);
    return typeof part === 'number' ? inner?.element : (inner?.shape?.[String(part)] ?? inner?.valueType);
  }, configSchema as SchemaNode);
}

/** Through the optional, default and nullable wrappers to the object or list inside. */
function unwrap(node: SchemaNode | undefined): SchemaNode | undefined {
  let inner = node as (SchemaNode & { def?: { innerType?: SchemaNode } }) | undefined;
  while (inner?.def?.innerType !== undefined) inner = inner.def.innerType;
  return inner;
}
