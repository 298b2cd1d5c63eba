import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

const PATHS = (process.env.PATH ?? '').split(delimiter);

/** The first of these programs that is on the PATH, as a whole path. */
export function findProgram(...names: readonly string[]): string | undefined {
  for (const name of names) {
    for (const folder of PATHS) {
      const file = join(folder, name);
      try {
        accessSync(file, constants.X_OK);
        return file;
      } catch {
        // Not here; the next folder may have it.
      }
    }
  }
  return undefined;
}

/**
 * The programs a suite needs, or the suite is skipped with a line that says which one is missing. On a CI machine,
 * where all of them are installed, a missing one is a failure.
 */
export function requirePrograms<Name extends string>(
  suite: Mocha.Context,
  wanted: Record<Name, readonly string[]>,
): Record<Name, string> {
  const found: Partial<Record<Name, string>> = {};
  for (const name of Object.keys(wanted) as Name[]) {
    const path = findWantedProgram(name, wanted[name], 'skipped');
    if (path === undefined) return suite.skip();
    found[name] = path;
  }
  return found as Record<Name, string>;
}

/** Like `findProgram`; where it is missing it says so and what follows from that, and on a CI machine it throws. */
export function findWantedProgram(
  name: string,
  names: readonly string[],
  consequence: string,
  { env = process.env, write = (line: string) => process.stdout.write(line) } = {},
): string | undefined {
  const path = findProgram(...names);
  if (path !== undefined) return path;
  const message = `${name} is not installed (looked for ${names.join(', ')} on the PATH)`;
  if (env.CI) throw new Error(message);
  write(`      ${consequence}: ${message}\n`);
  return undefined;
}

export const CHROMIUM = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];
