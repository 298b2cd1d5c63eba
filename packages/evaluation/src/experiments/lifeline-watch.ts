/** The thread of `endWithParent`: it sees the parent end while the program's own thread computes and hears of nothing. */
import { Socket } from 'node:net';
import { LIFELINE_FD } from './lifeline.js';

/** Until then the program may end in good order. */
const GRACE_MS = 1000;

new Socket({ fd: LIFELINE_FD, readable: true, writable: false })
  // However the pipe breaks, it is closed then.
  .on('error', () => {})
  .on('close', () => setTimeout(() => process.kill(process.pid, 'SIGKILL'), GRACE_MS))
  .resume();
