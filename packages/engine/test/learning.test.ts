import { expect } from 'chai';
import { type Rig, startRig, tempDir, until } from './support.js';

const trainings = (rig: Rig) =>
  rig.events.flatMap((event) => (event.type === 'training' ? [event.phase] : []));
const run = async (rig: Rig, from: number, to: number) => {
  for (let index = from; index < to; index++) await rig.window(index, 40);
};

describe('learning', () => {
  it('begins when there are enough windows, and survives a restart', async () => {
    const dataDir = tempDir();
    const first = await startRig({ dataDir });
    await run(first, 0, 9);
    expect(first.engine.state()).to.deep.include({
      status: 'collecting',
      windows: { collected: 9, needed: 10 },
    });
    await first.window(9, 40);
    await until(() => trainings(first).includes('finished'));
    expect(trainings(first)).to.deep.equal(['started', 'progress', 'finished']);
    await first.engine.close();

    const second = await startRig({ dataDir });
    expect(second.engine.state()).to.deep.include({
      status: 'watching',
      windows: { collected: 10, needed: 10 },
    });
    await run(second, 10, 14);
    expect(trainings(second)).to.deep.equal([]);
    await second.engine.close();
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
    await run(rig, 0, 21);
    const failures = rig.events.filter((event) => event.type === 'training' && event.phase === 'failed');
    expect(failures).to.deep.equal([
      { type: 'training', phase: 'failed', message: 'too little variation' },
      { type: 'training', phase: 'failed', message: 'too little variation' },
    ]);
    expect(rig.engine.state().status).to.equal('collecting');
    await rig.engine.close();
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
    await run(rig, 0, 11);
    expect(rig.engine.state().status).to.equal('training');
    await rig.engine.close();
    expect(aborted).to.equal(true);
  });
});
