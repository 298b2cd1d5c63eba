import { createLogger } from '@sage/core';
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

  it('does not count windows without calls', async () => {
    const rig = await startRig();
    for (let index = 0; index < 30; index++) await rig.idle(index);
    await run(rig, 30, 49);
    expect(trainings(rig)).to.deep.equal([]);
    expect(rig.engine.state().windows).to.deep.equal({ collected: 19, needed: 20 });
    expect(await (await fetch(rig.url('/-/ready'))).json()).to.deep.equal({
      error: 'there is no model yet: 19 of 20 windows with traffic collected',
    });
    await run(rig, 49, 50);
    await until(() => trainings(rig).includes('finished'));
    expect(rig.events.find((event) => event.type === 'training')).to.include({ windows: 20 });
  });

  it('leaves history and model of another window length out, and begins anew', async () => {
    const dataDir = tempDir();
    const first = await startRig({ dataDir });
    await run(first, 0, 20);
    await until(() => trainings(first).includes('finished'));
    await first.engine.close();

    const lines: string[] = [];
    const logger = createLogger(
      (line) => lines.push(line),
      () => 0,
    );
    const extra = { windows: { seconds: 60, slide_seconds: 10 } };
    const second = await startRig({ dataDir, extra, deps: { logger } });
    expect(second.engine.state()).to.deep.include({
      status: 'collecting',
      windows: { collected: 0, needed: 20 },
    });
    expect(lines.filter((line) => /of another length/.test(line))).to.have.length(1);
    expect(
      lines.filter((line) => /learnt from windows of 30 s, windows.seconds is 60/.test(line)),
    ).to.have.length(1);
    await second.engine.close();

    const third = await startRig({ dataDir });
    expect(third.engine.state()).to.deep.include({
      status: 'watching',
      windows: { collected: 20, needed: 20 },
    });
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
