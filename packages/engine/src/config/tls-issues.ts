import { whyNoIdentity } from '../http/tls-fetch.js';
import { type ConfigIssue, pathText } from './issues.js';
import { valueAt } from './schema-walk.js';

type Path = readonly PropertyKey[];

/** What is wrong with certificates and keys whose files could be read. */
export function tlsIssues(input: unknown, contents: ReadonlyMap<string, string>): ConfigIssue[] {
  const agents = valueAt(input, ['node_agents']);
  const ofAgents = (Array.isArray(agents) ? agents : []).map((_, index) => ['node_agents', index, 'tls']);
  return [
    // To a swarm both are required, which the schema says.
    ...ofAgents.flatMap((at) => halfIdentity(input, at)),
    ...[...ofAgents, ['orchestrator', 'swarm', 'tls']].flatMap((at) => noIdentity(input, at, contents)),
  ];
}

function halfIdentity(input: unknown, at: Path): ConfigIssue[] {
  const given = ['cert_file', 'key_file'].filter((key) => valueAt(input, [...at, key]) !== undefined);
  if (given.length !== 1) return [];
  const expected = 'cert_file and key_file, both or none';
  return [{ path: pathText(at), expected, actual: `${given[0]} alone` }];
}

function noIdentity(input: unknown, at: Path, contents: ReadonlyMap<string, string>): ConfigIssue[] {
  const textOf = (key: string) => contents.get(String(valueAt(input, [...at, key])));
  const wrong = whyNoIdentity({
    ca: textOf('ca_file'),
    cert: textOf('cert_file'),
    key: textOf('key_file'),
  });
  if (wrong === undefined) return [];
  const expected = 'certificates in PEM and the key that belongs to them';
  return [{ path: pathText(at), expected, actual: wrong }];
}
