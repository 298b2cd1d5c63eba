import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { engineMetrics } from './support/engine-metrics.js';
import { packageFolders, readManifest } from './support/packages.js';
import { REPOSITORY } from './support/repository.js';

const DOCUMENTS = [
  'README.md',
  'alerting/README.md',
  'grafana/README.md',
  'packages/engine/README.md',
  'packages/evaluation/README.md',
  'packages/gvae/README.md',
  'packages/instrumentation/README.md',
  'packages/node-agent/README.md',
  'packages/orchestrator/README.md',
  'packages/simulator/README.md',
];

/** The lines of code blocks, fenced or indented. */
function codeLines(markdown: string): string[] {
  let fenced = false;
  return markdown.split('\n').flatMap((line) => {
    if (line.trimStart().startsWith('```')) {
      fenced = !fenced;
      return [];
    }
    if (fenced) return [line.trim()];
    return /^ {4}\S/.test(line) ? [line.trim()] : [];
  });
}

/** Why a command line of a document cannot work, or undefined. Only what is ours is judged. */
function commandProblem(line: string): string | undefined {
  const npm = /^(?:\$ )?npm (?:run (?<script>[\w:-]+)|(?<short>start|test)\b)/.exec(line)?.groups;
  if (npm !== undefined) {
    const script = npm.script ?? npm.short ?? '';
    return Object.hasOwn(readManifest('.').scripts ?? {}, script)
      ? undefined
      : `there is no script "${script}"`;
  }
  const file = /^(?:\$ )?(?:promtool|amtool) .*?(?<path>(?:alerting|grafana)\/[\w./-]+\.ya?ml)/.exec(line)
    ?.groups?.path;
  if (file !== undefined) return existsSync(join(REPOSITORY, file)) ? undefined : `there is no file ${file}`;
  const program = /^(?:\$ )?(?:npx )?node (?<path>packages\/[\w./-]+)\.js\b/.exec(line)?.groups?.path;
  if (program === undefined) return undefined;
  const source = `${program.replace('/dist/', '/')}.ts`;
  return existsSync(join(REPOSITORY, source)) ? undefined : `there is no program ${source}`;
}

/** The series that a table of a document lists: `name{label,label}` in the first cell of a row. */
function listedSeries(markdown: string): [name: string, labels: string[]][] {
  const cells = markdown.split('\n').flatMap((line) => /^\| (`sage_[^|]*) \|/.exec(line)?.[1] ?? []);
  return cells
    .flatMap((cell) => [...cell.matchAll(/`(sage_\w+)(?:\{([\w,]*)\})?`/g)])
    .map(([, name, labels]) => [name as string, labels?.split(',') ?? []]);
}

describe('the documents', () => {
  for (const document of DOCUMENTS) {
    it(`${document}: commands exist`, () => {
      const lines = codeLines(readFileSync(join(REPOSITORY, document), 'utf8'));
      const problems = lines.flatMap((line) => {
        const problem = commandProblem(line);
        return problem === undefined ? [] : [`${line}: ${problem}`];
      });
      expect(problems).to.deep.equal([]);
    });
  }

  it('README.md: lists exactly the packages', () => {
    const readme = readFileSync(join(REPOSITORY, 'README.md'), 'utf8');
    const rows = [...readme.matchAll(/^\|[^|\n]*\| `(?:packages\/)?([a-z-]+)` \|/gm)].map((row) => row[1]);
    expect(rows.sort()).to.deep.equal(packageFolders());
  });

  it('README.md: lists exactly the series that the engine exports, with their labels', async () => {
    const listed = listedSeries(readFileSync(join(REPOSITORY, 'README.md'), 'utf8'));
    const inWords = (name: string, labels: readonly string[]) => `${name}{${[...labels].sort().join(',')}}`;
    const exported = [...(await engineMetrics())].map(([name, labels]) => inWords(name, labels));
    expect(listed.map(([name, labels]) => inWords(name, labels))).to.have.members(exported);
  });

  it('README.md: says how to start and to test', () => {
    const lines = codeLines(readFileSync(join(REPOSITORY, 'README.md'), 'utf8')).join('\n');
    expect(lines)
      .to.match(/npm start/)
      .and.match(/npm test/);
  });

  it('commands that do not exist are found', () => {
    expect(commandProblem('npm run fly')).to.contain('no script "fly"');
    expect(commandProblem('promtool check rules alerting/none.yml')).to.contain('no file');
    expect(commandProblem('node packages/core/dist/programs/none.js 1')).to.contain(
      'no program packages/core',
    );
    expect(commandProblem('npm start -- --once')).to.equal(undefined);
  });
});
