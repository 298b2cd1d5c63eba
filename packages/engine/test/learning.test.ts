import { expect } from 'chai';
import { type Rig, rigsOfEachTest, tempDir, until } from './support.js';

const trainings = (rig: Rig) =>
  rig.events.flatMap((event) => (event.type === 'training' ? [event.phase] : []));
const run = async (rig: Rig, from: number, to: number) => {
  for (let index = from; index < to; index++) await rig.window(index, 40);
};

describe('learning', () => {
  const startRig = rigsOfEachTest();

  it('begins when there are enough windows, and survives a restart', async () => {
    const dataDir = tempDir();
    const first = await startRig({ dataDir });
    await run(first, 0, 19);
    expect(first.engine.state()).to.deep.include({
      status: 'collecting',
      windows: { collected: 19, needed: 20 },
    });
    await first.window(19, 40);
    await until(() => trainings(first).includes('finished'));
    expect(trainings(first)).to.deep.equal(['started', 'progress', 'finished']);
    await first.engine.close();

    const second = await startRig({ dataDir });
    expect(second.engine.state()).to.deep.include({
      status: 'watching',
      windows: { collected: 20, needed: 20 },
    });
    await run(second, 20, 24);
    expect(trainings(second)).to.deep.equal([]);
  });

  it('says why it failed, and tries again ten windows later', async () => {
    const rig = await startRig({
      parts: {
        learner: {
          fit: () => Promise.reject(new Error('too little variation')),
          save: () => '',
          load: () => ({ ok: false, reason: 'none', message: 'none' }),
          backend: async () => 'fake',
        },
      },
    });
    await run(rig, 0, 31);
    const failures = rig.events.filter((event) => event.type === 'training' && event.phase === 'failed');
    expect(failures).to.deep.equal([
      { type: 'training', phase: 'failed', message: 'too little variation' },
      { type: 'training', phase: 'failed', message: 'too little variation' },
    ]);
    expect(rig.engine.state().status).to.equal('collecting');
  });

  it('is aborted by the end of the engine', async () => {
    let aborted = false;
    const rig = await startRig({
      parts: {
        learner: {
          fit: ({ signal }) =>
            new Promise((_, reject) =>
              signal.addEventListener('abort', () => {
                aborted = true;
                reject(new Error('aborted'));
              }),
            ),
          save: () => '',
          load: () => ({ ok: false, reason: 'none', message: 'none' }),
          backend: async () => 'fake',
        },
      },
    });
    await run(rig, 0, 21);
    expect(rig.engine.state().status).to.equal('training');
    await rig.engine.close();
    expect(aborted).to.equal(true);
  });
});
