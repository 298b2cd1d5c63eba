import { join } from 'node:path';
import { silentLogger } from '@sage/core';
import { expect } from 'chai';
import { WindowHistory } from '../src/learning/history.js';
import { tempDir, window } from './support.js';

const idle = (index: number) => ({ ...window(index, 0), latency: new Map() });

describe('the history of windows', () => {
  it('keeps what the day has taught through a quiet night, and the night only of late', async () => {
    const folder = join(tempDir(), 'windows');
    const options = { maxWindows: 300, logger: silentLogger };
    const history = await WindowHistory.open(folder, options);
    for (let index = 0; index < 250; index++) history.add(window(index, 40), false);
    for (let index = 250; index < 2000; index++) history.add(idle(index), false);
    expect(history.windows).to.have.length(300);
    expect(history.learnable).to.have.length(200);
    expect(history.latest).to.deep.equal(idle(1999));
    await history.flush();
    expect((await WindowHistory.open(folder, options)).windows).to.have.length(250);
  });

  it('forgets the oldest where all have calls', async () => {
    const history = await WindowHistory.open(join(tempDir(), 'windows'), {
      maxWindows: 3,
      logger: silentLogger,
    });
    for (let index = 0; index < 5; index++) history.add(window(index, 40), false);
    history.add(idle(5), false);
    expect(history.windows).to.deep.equal([window(3, 40), window(4, 40), idle(5)]);
    await history.flush();
  });
});
