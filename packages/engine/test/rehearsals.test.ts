import { silentLogger } from '@sage/core';
import { expect } from 'chai';
import { Rehearsals } from '../src/rehearsals.js';
import { fakeModel } from './support.js';

describe('rehearsals', () => {
  const objectives = ['one', 'two'].map((name) => ({
    name,
    service: 's',
    operation: 'o',
    percentile: 'p99Ms' as const,
    thresholdMs: 1,
  }));

  it('wait for a model, take turns of objectives, survive a failure and come to an end', () => {
    let model: ReturnType<typeof fakeModel> | undefined;
    const asked: string[] = [];
    const rehearsals = new Rehearsals({
      parts: {
        rehearse: ({ objective }) => {
          asked.push(objective.name);
          if (asked.length === 2) throw new Error('a bug in the search');
        },
      },
      model: () => model,
      history: () => [],
      objectives: () => objectives,
      logger: silentLogger,
    });
    rehearsals.onCalmWindow();
    expect(asked).to.deep.equal([]);
    model = fakeModel();
    for (let i = 0; i < 20; i++) rehearsals.onCalmWindow();
    expect(asked).to.deep.equal(['one', 'two', 'one', 'two', 'one', 'two', 'one', 'two']);
  });
});
