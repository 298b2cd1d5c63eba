import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

/** What each first argument of run.mjs starts, relative to the repository's root. */
export const PROGRAMS = {
  sage: 'packages/cli/dist/src/main.js',
  'sage-node-agent': 'packages/node-agent/dist/src/main.js',
  test: 'node_modules/mocha/bin/mocha.js',
};

/** The program's entry file, or undefined for a name that there is not. */
export function programEntry(name) {
  return name !== undefined && Object.hasOwn(PROGRAMS, name) ? PROGRAMS[name] : undefined;
}

/**
 * The compiled file of every test there is a source of: a folder dist keeps those of sources that are gone, too. Not in
 * .mocharc.json, because mocha would add them to the files named on its command line.
 */
export function allTests(root) {
  const names = existsSync(join(root, 'packages')) ? readdirSync(join(root, 'packages')).sort() : [];
  const folders = [
    ...names.map((name) => [`packages/${name}/test`, `packages/${name}/dist/test`]),
    ['test', 'test/dist'],
  ];
  return folders.flatMap(([sources, compiled]) =>
    testSources(root, sources).map((path) => `${compiled}${path.slice(sources.length).replace(/ts$/, 'js')}`),
  );
}

function testSources(root, folder) {
  if (!existsSync(join(root, folder))) return [];
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory())
      return ['dist', 'node_modules'].includes(entry.name) ? [] : testSources(root, path);
    return entry.name.endsWith('.test.ts') ? [path] : [];
  });
}

/** The arguments of a program; tests are all of them unless files are named. */
export function programArguments(name, args, root) {
  const namesFiles = args.some((arg) => /\.[cm]?js$/.test(arg));
  return name === 'test' && !namesFiles ? [...args, ...allTests(root)] : args;
}

export const USAGE = `usage: node packages/bootstrap/run.mjs <${Object.keys(PROGRAMS).join('|')}> [arguments…]`;
