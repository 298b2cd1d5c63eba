#!/usr/bin/env node
// What `npm start`, `npm test` and `npm run …` call: prepares a fresh clone, then becomes the program asked for.
// Until the version is checked it keeps to syntax and modules that old versions of Node.js also know.
import { nodeVersionProblem } from './node-version.mjs';

const problem = nodeVersionProblem(process.version);
if (problem === undefined) {
  import('./start.mjs').then(({ start }) => start(process.argv.slice(2)));
} else {
  process.stderr.write(`sage: ${problem}\n`);
  process.exitCode = 1;
}
