import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { SAGE } from '../src/cli.js';
import { readCommandLine } from '../src/command-line.js';

const readme = readFileSync(fileURLToPath(new URL('../../../../README.md', import.meta.url)), 'utf8');

const SHORT: Readonly<Record<string, readonly string[]>> = {
  start: ['demo'],
  'run sage': [],
  'run evaluate': ['evaluate', 'report'],
};

/** The arguments of `sage` in the README's command lines, of those too that have a script of their own. */
function commandLines(text: string): string[][] {
  const lines = [
    ...text.matchAll(/^npm (run sage|run evaluate|start)(?: --silent)?(?: --(?= ))?([^#\n]*)/gm),
  ];
  return lines.map(([, script = '', rest = '']) => [
    ...(SHORT[script] ?? []),
    ...rest.split(/\s+/).filter((word) => word !== ''),
  ]);
}

describe("the README's command lines", () => {
  const lines = commandLines(readme);

  it('name every command', () => {
    expect(new Set(lines.map(([name]) => name))).to.include.all.keys(...Object.keys(SAGE.members));
  });

  for (const args of lines) {
    it(`'sage ${args.join(' ')}' is understood`, () => {
      const request = readCommandLine('sage', SAGE, args);
      if (request.kind === 'tell') expect(request.status, request.text).to.equal(0);
    });
  }
});
