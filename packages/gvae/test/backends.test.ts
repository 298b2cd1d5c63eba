import { once } from 'node:events';
import { SHARE_ENV, Worker } from 'node:worker_threads';
import { expect } from 'chai';
import type { FitOn } from './fit-on.js';

/** Of single precision after 100 steps; 4e-9 was seen. Another seed moves R² by 2e-4. */
const TOLERANCE = 1e-5;

async function fitOn(wanted: 'fastest' | 'wasm'): Promise<FitOn> {
  const worker = new Worker(new URL('./fit-on.js', import.meta.url), {
    workerData: { wanted },
    env: SHARE_ENV,
  });
  const [answer] = await once(worker, 'message');
  await worker.terminate();
  return answer;
}

/** |a − b| over the larger of |b| and 1: of a millisecond, of a share. */
function difference(a: readonly number[], b: readonly number[]): number {
  expect(a).to.have.length(b.length).above(0);
  return Math.max(...a.map((x, i) => Math.abs(x - (b[i] as number)) / Math.max(1, Math.abs(b[i] as number))));
}

describe('native TensorFlow and WebAssembly', () => {
  it('learn the same model and give the same answers', async function () {
    this.timeout(120_000);
    const native = await fitOn('fastest');
    if (native.backend !== 'tensorflow' && process.env.SAGE_NATIVE !== '1') {
      process.stdout.write(
        '      not compared: native TensorFlow does not load here (npm run native builds it)\n',
      );
      return this.skip();
    }
    const wasm = await fitOn('wasm');
    expect([native.backend, wasm.backend]).to.deep.equal(['tensorflow', 'wasm']);
    const differences = {
      r2: difference([...native.r2.values()], [...wasm.r2.values()]),
      edges: difference(native.edges, wasm.edges),
      predicted: difference(native.predicted, wasm.predicted),
    };
    for (const [name, value] of Object.entries(differences)) expect(value, name).to.be.below(TOLERANCE);
  });
});
