import { readdirSync, readFileSync } from 'node:fs';
import { getPriority } from 'node:os';
import { fitInWorker } from '@sage/gvae';
import { expect } from 'chai';
import { worldGraph, worldWindows } from './world.js';

/** How nice each thread of this process is. */
function niceOfThreads(): number[] {
  return readdirSync('/proc/self/task').map((thread) => {
    // "4711 (node) S 1 …": what follows the name, state first; nice is the 19th field of all
    const fields =
      readFileSync(`/proc/self/task/${thread}/stat`, 'utf8').split(') ').at(-1)?.split(' ') ?? [];
    return Number(fields[16]);
  });
}

describe('training in a thread', () => {
  it('gives way to all else on the machine, and its process does not', async function () {
    if (process.platform !== 'linux') return this.skip();
    const usual = getPriority();
    const seen: number[][] = [];
    await fitInWorker(worldGraph(), worldWindows(60, 1), {
      epochs: 3,
      onProgress: () => seen.push(niceOfThreads()),
    });
    expect(seen.flat()).to.include(19);
    expect(getPriority()).to.equal(usual);
    expect(niceOfThreads()).to.include(usual);
  }).timeout(20_000);
});
