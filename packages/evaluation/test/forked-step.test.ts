import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';

const PARENT = fileURLToPath(new URL('./busy-parent.js', import.meta.url));

describe('the process of a step', () => {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGKILL'] as const) {
    it(`ends with its parent that ${signal} ends, in the middle of computing`, async () => {
      const parent = spawn(process.execPath, [PARENT], { stdio: ['ignore', 'pipe', 'inherit'] });
      const [line] = await once(parent.stdout, 'data');
      const pid = Number(String(line));
      try {
        expect(isThere(pid)).to.equal(true);
        parent.kill(signal);
        // The step has the same standard output: it is closed when both have ended.
        const [, endedBy] = await once(parent, 'close', { signal: AbortSignal.timeout(8000) });
        expect(endedBy).to.equal(signal);
      } finally {
        if (isThere(pid)) process.kill(pid, 'SIGKILL');
      }
    });
  }
});

function isThere(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
