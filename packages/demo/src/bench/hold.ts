import type { Application } from '../application/index.js';

/** Takes all processor time from the application until `release`. */
export function hold(application: Application): void {
  signal(application, 'SIGSTOP');
}

export function release(application: Application): void {
  signal(application, 'SIGCONT');
}

function signal({ components }: Application, name: NodeJS.Signals): void {
  for (const { pid } of components) {
    try {
      process.kill(pid, name);
    } catch {
      // It has ended, which `onExit` tells.
    }
  }
}
