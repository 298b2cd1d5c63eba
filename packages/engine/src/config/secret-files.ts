import { errorMessage } from '@sage/core';
import { type ConfigIssue, pathText } from './issues.js';
import { valueAt } from './schema-walk.js';

const TLS_FILES = ['ca_file', 'cert_file', 'key_file'];
const LATER_FILES: readonly string[][] = [
  ['orchestrator', 'kubernetes', 'kubeconfig'],
  ['orchestrator', 'static', 'file'],
];

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
    const read = readNamed(path, file, readFile);
    if (typeof read !== 'string') {
      issues.push(read);
      continue;
    }
    const secret = read.trim();
    if (secret === '') {
      issues.push({
        path: pathText(path),
        expected: `a file with ${contentOf(path)}`,
        actual: `${file}, which is empty`,
      });
    }
    contents.set(file, secret);
  }
  return { contents, issues };
}

/** Files that are read once Sage runs: without them it would not start. */
export function laterFileIssues(input: unknown, readFile: (path: string) => string): ConfigIssue[] {
  return LATER_FILES.flatMap((path) => {
    const file = valueAt(input, path);
    if (typeof file !== 'string' || file === '') return [];
    const read = readNamed(path, file, readFile);
    return typeof read === 'string' ? [] : [read];
  });
}

function readNamed(
  path: readonly PropertyKey[],
  file: string,
  readFile: (path: string) => string,
): string | ConfigIssue {
  try {
    return readFile(file);
  } catch (error) {
    return { path: pathText(path), expected: 'a file that can be read', actual: errorMessage(error) };
  }
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
