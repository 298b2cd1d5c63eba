import { readdirSync, readFileSync } from 'node:fs';
import { expect } from 'chai';

const SRC = new URL('../../src/', import.meta.url);
const sources = readdirSync(SRC, { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.ts'))
  .map((path) => ({ path, text: readFileSync(new URL(path, SRC), 'utf8') }));

/** The only files that start programs, each with the functions it starts them by. */
const STARTERS: Readonly<Record<string, string>> = { 'system.ts': 'execFile, spawn', 'lock.ts': 'spawnSync' };
const PROGRAMS = ['tc', 'ip', 'flock'];

describe('programs that the agent starts', () => {
  it('are started in two places, never by a shell', () => {
    for (const { path, text } of sources) {
      const imported = /import \{([^}]*)\} from 'node:child_process'/.exec(text)?.[1]?.trim();
      expect(imported, path).to.equal(STARTERS[path]);
      expect(text, path).to.not.match(
        /\bshell\s*:|\brequire\(|\bimport\(|process\.binding|node:(vm|cluster|worker_threads)/,
      );
      if (imported === undefined) expect(text, path).to.not.include('child_process');
    }
  });

  it('are fixed, with arrays of arguments', () => {
    const calls = sources.flatMap(({ path, text }) =>
      [...text.matchAll(/(?:\.run|spawn|spawnSync)\(\s*([^,]+),\s*(.)/g)].map((match) => ({
        path,
        program: match[1] as string,
      })),
    );
    const started = calls.filter(({ program }) => !program.startsWith('()') && !program.startsWith('async'));
    expect(started.map(({ program }) => program)).to.include.members(["'tc'", "'flock'"]);
    for (const { path, program } of started) {
      expect(
        PROGRAMS.map((name) => `'${name}'`),
        `${path} runs ${program}`,
      ).to.include(program);
    }
  });
});
