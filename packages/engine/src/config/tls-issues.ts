import { whyNoIdentity } from '../http/tls-fetch.js';
import { type ConfigIssue, pathText } from './issues.js';
import { valueAt } from './schema-walk.js';

/** What is wrong with certificates and keys whose files could be read. */
export function tlsIssues(input: unknown, contents: ReadonlyMap<string, string>): ConfigIssue[] {
  const agents = valueAt(input, ['node_agents']);
  const sections = [
    ...(Array.isArray(agents) ? agents : []).map((_, index) => ['node_agents', index, 'tls']),
    ['orchestrator', 'swarm', 'tls'],
  ];
  return sections.flatMap((at): ConfigIssue[] => {
    const [caFile, certFile, keyFile] = ['ca_file', 'cert_file', 'key_file'].map((key) =>
      valueAt(input, [...at, key]),
    );
    const path = pathText(at);
    if ((certFile === undefined) !== (keyFile === undefined)) {
      const actual = certFile === undefined ? 'key_file alone' : 'cert_file alone';
      return [{ path, expected: 'cert_file and key_file, both or none', actual }];
    }
    const text = (file: unknown) => contents.get(String(file));
    const wrong = whyNoIdentity({ ca: text(caFile), cert: text(certFile), key: text(keyFile) });
    if (wrong === undefined) return [];
    return [{ path, expected: 'certificates in PEM and the key that belongs to them', actual: wrong }];
  });
}
