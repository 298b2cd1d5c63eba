import { errorMessage } from '@sage/core';
import { type ConfigIssue, pathText } from './issues.js';
import { valueAt } from './schema-walk.js';

const TLS_FILES = ['ca_file', 'cert_file', 'key_file'];

export interface Secrets {
  /** File as written in the configuration → its content without the white space around it. */
  readonly contents: ReadonlyMap<string, string>;
  readonly issues: readonly ConfigIssue[];
}

/** Files that can be read are read even if something else is wrong, so that no error waits behind another. */
export function readSecretFiles(input: unknown, readFile: (path: string) => string): Secrets {
  const contents = new Map<string, string>();
  const issues: ConfigIssue[] = [];
  for (const path of secretPaths(input)) {
    const file = valueAt(input, path);
    if (typeof file !== 'string' || file === '') continue;
    try {
      const secret = readFile(file).trim();
      if (secret === '') {
        issues.push({
          path: pathText(path),
          expected: `a file with ${contentOf(path)}`,
          actual: `${file}, which is empty`,
        });
      }
      contents.set(file, secret);
    } catch (error) {
      issues.push({
        path: pathText(path),
        expected: 'a file that can be read',
        actual: errorMessage(error),
      });
    }
  }
  return { contents, issues };
}

function contentOf(path: readonly PropertyKey[]): string {
  if (path.at(-1) === 'token_file') return 'a token';
  return path.at(-1) === 'password_file' ? 'a password' : 'certificates or a key in PEM';
}

/** Wherever the schema knows a file that holds a secret or what one is trusted by. */
function secretPaths(input: unknown): PropertyKey[][] {
  const agents = valueAt(input, ['node_agents']);
  return [
    ...['prometheus', 'alertmanager'].flatMap((section) => [
      [section, 'token_file'],
      [section, 'basic_auth', 'password_file'],
    ]),
    ['grafana', 'token_file'],
    ...TLS_FILES.map((key) => ['orchestrator', 'swarm', 'tls', key]),
    ...(Array.isArray(agents) ? agents : []).flatMap((_, index) => [
      ['node_agents', index, 'token_file'],
      ...TLS_FILES.map((key) => ['node_agents', index, 'tls', key]),
    ]),
  ];
}
