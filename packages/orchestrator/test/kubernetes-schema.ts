import * as kubernetes from '@kubernetes/client-node';

interface Attribute {
  readonly name: string;
  readonly baseName: string;
  readonly type: string;
}

interface Model {
  getAttributeTypeMap?(): Attribute[];
}

const isText = (value: unknown) => typeof value === 'string';
const PRIMITIVES: Readonly<Record<string, (value: unknown) => boolean>> = {
  string: isText,
  Date: isText,
  boolean: (value) => typeof value === 'boolean',
  number: (value) => typeof value === 'number',
  IntOrString: (value) => isText(value) || Number.isInteger(value),
};

/**
 * What in a JSON value is not as Kubernetes' OpenAPI specification has it: unknown fields and wrong types, by path. The
 * models of the client library are made from that specification, and each knows its fields.
 */
export function schemaProblems(value: unknown, type: string, path = type): string[] {
  if (value === undefined || value === null) return [];
  const list = /^Array<(.*)>$/.exec(type)?.[1];
  if (list !== undefined) {
    if (!Array.isArray(value)) return [`${path}: expected a list`];
    return value.flatMap((item, index) => schemaProblems(item, list, `${path}[${index}]`));
  }
  const map = /^\{ \[key: string\]: (.*); \}$/.exec(type)?.[1];
  if (map !== undefined) {
    return Object.entries(value).flatMap(([key, each]) => schemaProblems(each, map, `${path}.${key}`));
  }
  const fits = PRIMITIVES[type];
  if (fits !== undefined) return fits(value) ? [] : [`${path}: expected ${type}`];
  const attributes = (kubernetes as unknown as Record<string, Model>)[type]?.getAttributeTypeMap?.();
  if (attributes === undefined) return [`${path}: no model ${type}`];
  return Object.entries(value).flatMap(([key, each]) => {
    const known = attributes.find(({ baseName }) => baseName === key);
    return known === undefined
      ? [`${path}.${key}: no such field`]
      : schemaProblems(each, known.type, `${path}.${key}`);
  });
}
