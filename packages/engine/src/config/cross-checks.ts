import { type ConfigIssue, describe, pathText } from './issues.js';
import { knownKeys, validValue, valueAt } from './schema-walk.js';

/**
 * What no key can be wrong in by itself. Apart from the schema, which looks at such things only once all else is
 * right: whoever corrects a file wants to see every error at once.
 */
export function crossChecks(input: unknown): ConfigIssue[] {
  return [
    ...repeatedNames(input, 'objectives', 'a name that no other objective has'),
    ...repeatedNames(input, 'node_agents', 'a name that no other agent has'),
    ...slideFits(input),
    ...historyHoldsEnough(input),
    ...oneOrchestrator(input),
    ...scaleBoundsFit(input),
    ...oneWayIn(input, 'prometheus'),
    ...oneWayIn(input, 'alertmanager'),
  ];
}

function repeatedNames(input: unknown, list: string, expected: string): ConfigIssue[] {
  const items = valueAt(input, [list]);
  if (!Array.isArray(items)) return [];
  const names = items.map((_, index) => validValue(input, [list, index, 'name']));
  return names.flatMap((name, index) =>
    name !== undefined && names.indexOf(name) < index
      ? [{ path: pathText([list, index, 'name']), expected, actual: describe(name) }]
      : [],
  );
}

function slideFits(input: unknown): ConfigIssue[] {
  const seconds = validValue(input, ['windows', 'seconds']);
  const path = ['windows', 'slide_seconds'];
  const slide = validValue(input, path);
  if (typeof seconds !== 'number' || typeof slide !== 'number') return [];
  if (slide > seconds) return [issueAt(input, path, `a number no greater than windows.seconds (${seconds})`)];
  return seconds % slide === 0
    ? []
    : [issueAt(input, path, `a number that divides windows.seconds (${seconds})`)];
}

function historyHoldsEnough(input: unknown): ConfigIssue[] {
  const path = ['learning', 'min_windows'];
  const needed = validValue(input, path);
  const held = validValue(input, ['learning', 'history_windows']);
  if (typeof needed !== 'number' || typeof held !== 'number' || needed <= held) return [];
  return [issueAt(input, path, `a number no greater than learning.history_windows (${held})`)];
}

function oneOrchestrator(input: unknown): ConfigIssue[] {
  const section = valueAt(input, ['orchestrator']);
  if (section === null || typeof section !== 'object') return [];
  const given = Object.keys(section).filter((key) => knownKeys(['orchestrator']).includes(key));
  if (given.length === 1) return [];
  const expected = `one of ${knownKeys(['orchestrator']).join(', ')}`;
  return [{ path: 'orchestrator', expected, actual: given.join(' and ') || 'none of them' }];
}

/** Of the least and the most replicas, where both are said or the least is inherited. */
function scaleBoundsFit(input: unknown): ConfigIssue[] {
  const scale = ['actuation', 'scale'];
  const services = valueAt(input, [...scale, 'services']);
  const named = services !== null && typeof services === 'object' ? Object.keys(services) : [];
  const least = validValue(input, [...scale, 'min']);
  return [scale, ...named.map((name) => [...scale, 'services', name])].flatMap((path) => {
    const min = validValue(input, [...path, 'min']) ?? least ?? 1;
    const max = validValue(input, [...path, 'max']);
    if (typeof min !== 'number' || typeof max !== 'number' || min <= max) return [];
    const expected = `a number no less than the least number of replicas (${min})`;
    return [{ path: pathText([...path, 'max']), expected, actual: describe(max) }];
  });
}

/** A request has one header Authorization. */
function oneWayIn(input: unknown, section: string): ConfigIssue[] {
  const given = ['token_file', 'basic_auth'].filter((key) => valueAt(input, [section, key]) !== undefined);
  const headers = valueAt(input, [section, 'headers']);
  const header = Object.keys(headers !== null && typeof headers === 'object' ? headers : {}).find(
    (name) => name.toLowerCase() === 'authorization',
  );
  if (header !== undefined) given.push(pathText(['headers', header]));
  if (given.length < 2) return [];
  return [{ path: section, expected: 'at most one way to authenticate', actual: given.join(' and ') }];
}

function issueAt(input: unknown, path: readonly PropertyKey[], expected: string): ConfigIssue {
  const given = valueAt(input, path);
  const actual = given === undefined ? `${validValue(input, path)}, the default` : describe(given);
  return { path: pathText(path), expected, actual };
}
