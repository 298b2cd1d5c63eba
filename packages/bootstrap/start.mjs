import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { endWithNpm } from './npm-parent.mjs';
import { prepare } from './prepare.mjs';
import { programArguments, programEntry, USAGE } from './programs.mjs';

/**
 * Runs the program in this very process, so that its signals, standard streams and exit code are nobody else's
 * business. Sets exit code 2 for a name there is not, 1 where preparing failed.
 */
export async function start([name, ...args], root = join(dirname(fileURLToPath(import.meta.url)), '../..')) {
  const report = (line) => process.stderr.write(`sage: ${line}\n`);
  const entry = programEntry(name);
  if (entry === undefined) {
    report(name === undefined ? USAGE : `there is no program "${name}"\n${USAGE}`);
    process.exitCode = 2;
    return;
  }
  const file = join(root, entry);
  endWithNpm();
  try {
    await prepare(root, report);
    if (!existsSync(file)) throw new Error(`${entry} is missing although everything is compiled.`);
  } catch (error) {
    const denied = ['EACCES', 'EPERM', 'EROFS'].includes(error.code);
    report(denied ? `may not write to ${error.path}; run as the user who owns this folder` : error.message);
    process.exitCode = 1;
    return;
  }
  // Tests find their specifications relative to the repository; the other programs' paths are the user's.
  if (name === 'test') process.chdir(root);
  process.argv = [process.execPath, file, ...programArguments(name, args, root)];
  await import(pathToFileURL(file).href);
}
