import { failure, type Instance, type Outcome, success } from '@sage/core';
import { parseDocument } from 'yaml';
import { z } from 'zod';

const TEXT = 'expected a text that is not empty';
const text = z.string(TEXT).min(1, TEXT);

const CONTAINER_ID = 'expected the 64 hexadecimal digits of a container id';

const instance = mappingOf({
  node: text,
  replica: text.optional(),
  containers: z
    .array(z.string(CONTAINER_ID).regex(/^[0-9a-f]{64}$/, CONTAINER_ID), 'expected a list of container ids')
    .default([]),
  address: text.optional(),
});

const placement = mappingOf({
  services: z.record(
    text,
    z.array(instance, 'expected a list of replicas'),
    'expected a mapping from services to their replicas',
  ),
});

function mappingOf<Shape extends z.ZodRawShape>(shape: Shape) {
  const known = Object.keys(shape).join(', ');
  return z.strictObject(shape, {
    error: (issue) =>
      issue.code === 'unrecognized_keys'
        ? `unknown key ${(issue.keys ?? []).join(', ')}: expected one of ${known}`
        : `expected a mapping with ${known}`,
  });
}

/**
 * What a placement file says, or all that is wrong with it. `replica` is `<service>-<place in the list>` where it is
 * left out.
 *
 * ```yaml
 * services:
 *   cart:
 *     - { node: node-1, replica: cart-a, address: 10.0.0.7 }
 *     - { node: node-2 }
 * ```
 */
export function parsePlacement(yaml: string): Outcome<readonly Instance[], 'invalid'> {
  const document = parseDocument(yaml, { prettyErrors: true });
  if (document.errors.length > 0) {
    return failure('invalid', document.errors.map(({ message }) => message.split('\n')[0]).join('; '));
  }
  const parsed = placement.safeParse(document.toJS({ maxAliasCount: 100 }));
  if (!parsed.success) {
    const problems = parsed.error.issues.map(
      ({ path, message }) => `${path.join('.') || '(top level)'}: ${message}`,
    );
    return failure('invalid', problems.join('; '));
  }
  const instances = Object.entries(parsed.data.services).flatMap(([service, copies]) =>
    copies.map(
      ({ node, replica, containers, address }, index): Instance => ({
        service,
        replica: replica ?? `${service}-${index + 1}`,
        node,
        containerIds: containers,
        address,
      }),
    ),
  );
  const names = instances.map(({ replica }) => replica);
  const twice = names.find((name, index) => names.indexOf(name) < index);
  return twice === undefined
    ? success(instances)
    : failure('invalid', `the replica ${twice} is there twice: expected a name of its own for each`);
}
