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

/** Every compiled test. Not in .mocharc.json: mocha would add them to the files named on its command line. */
const ALL_TESTS = ['packages/*/dist/test/**/*.test.js', 'test/dist/**/*.test.js'];

/** The arguments of a program; tests are all of them unless files are named. */
export function programArguments(name, args) {
  const namesFiles = args.some((arg) => /\.[cm]?js$/.test(arg));
  return name === 'test' && !namesFiles ? [...args, ...ALL_TESTS] : args;
}

export const USAGE = `usage: node packages/bootstrap/run.mjs <${Object.keys(PROGRAMS).join('|')}> [arguments…]`;
