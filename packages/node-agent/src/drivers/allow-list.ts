import type { Site } from './site.js';

export function isAllowedCommand(site: Site, command: string): boolean {
  return command !== '' && site.config.coRunners.allow.some((pattern) => pattern.test(command));
}
