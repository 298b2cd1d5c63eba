import { isDeepStrictEqual } from 'node:util';
import type { Config } from './config.js';

/** What is bound or sized once, at the start. */
const FIXED = [
  ['listen', (config: Config) => config.listen],
  ['data_dir', (config: Config) => config.dataDir],
  ['windows', (config: Config) => config.windows],
  ['receivers', (config: Config) => config.receivers],
  ['orchestrator', (config: Config) => config.orchestrator],
  ['learning.history_windows', (config: Config) => config.learning.historyWindows],
] as const;

/** Says which keys cannot change while running, or undefined where the new configuration can be taken. */
export function restartNeeded(present: Config, next: Config): string | undefined {
  const changed = FIXED.filter(([, read]) => !isDeepStrictEqual(read(present), read(next))).map(
    ([key]) => key,
  );
  return changed.length === 0
    ? undefined
    : `${changed.join(', ')} changed: restart Sage for that to take effect`;
}
