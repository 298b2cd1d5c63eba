import { Writable } from 'node:stream';
import { runCli } from '../src/cli.js';

/** Runs `sage` in this process; the result is its exit status and what it wrote. */
export async function runSage(...args: string[]): Promise<{ status: number; out: string; err: string }> {
  const texts = { out: '', err: '' };
  const sink = (name: 'out' | 'err') =>
    new Writable({
      write(chunk, _encoding, done) {
        texts[name] += String(chunk);
        done();
      },
    });
  const status = await runCli(args, { stdout: sink('out'), stderr: sink('err'), env: {}, argv: [] });
  return { status, ...texts };
}
