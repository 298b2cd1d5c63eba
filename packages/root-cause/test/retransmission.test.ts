import { expect } from 'chai';
import { isTimeOut, looksLost } from '../src/retransmission.js';

describe('a tail of retransmissions', () => {
  const CASES: readonly [name: string, excessMs: readonly number[], calls: number, isLost: boolean][] = [
    ['begins with the least time-out', [0, 0, 201], 200, true],
    ['does not where it is shorter', [0, 60, 150], 200, false],
    ['may lie beyond a p95 of few calls', [0, 198, 201], 27, true],
    ['is none of no call', [0, 0, 201], 60, false],
    ['leaves the median as it was', [40, 201, 600], 200, false],
    ['leaves it so however long it is itself', [70, 1300, 1380], 200, false],
  ];
  for (const [name, excessMs, calls, isLost] of CASES) {
    it(name, () => {
      expect(looksLost(excessMs, calls)).to.equal(isLost);
    });
  }

  it('is of one, two or three', () => {
    expect([150, 198, 230, 405, 602, 804, 1390].filter(isTimeOut)).to.deep.equal([198, 602, 1390]);
  });
});
