/** What is needed of a process to tell its interrupts apart. */
export interface Interruptible {
  on(signal: 'SIGINT', handler: () => void): unknown;
  listenerCount(signal: 'SIGINT'): number;
  exit(code: number): void;
}

/** As a shell reports a program that SIGINT ended. */
const EXIT_INTERRUPTED = 130;

/** The first Ctrl-C ends in good order; a second one ends at once, as does the first while nobody else listens to it. */
export function endAtSecondInterrupt(program: Interruptible): void {
  let interrupts = 0;
  program.on('SIGINT', () => {
    interrupts++;
    if (interrupts > 1 || program.listenerCount('SIGINT') === 1) program.exit(EXIT_INTERRUPTED);
  });
}
