import { expect } from 'chai';
import { formatElapsed, ProgressDisplay } from '../src/index.js';

describe('ProgressDisplay', () => {
  function render(isTTY: boolean): string {
    let text = '';
    let now = 7_000;
    const display = new ProgressDisplay({ isTTY, write: (t) => (text += t) }, () => now);
    for (let i = 0; i <= 10; i++, now += 1_000) display.show(i / 10, `windows ${i}/10`);
    display.clear();
    display.clear();
    return text;
  }

  it('writes a line now and then where there is no terminal', () => {
    expect(render(false).split('\n')).to.deep.equal([
      '0:00  windows 0/10',
      '0:05  windows 5/10',
      '0:10  windows 10/10',
      '',
    ]);
  });

  it('redraws a bar on a terminal and takes it away once', () => {
    const text = render(true);
    expect(text).to.include('█'.repeat(28)).and.not.include('\n');
    expect(text.endsWith('windows 10/10\r\x1b[2K')).to.equal(true);
  });

  it('formats elapsed time as a stopwatch', () =>
    expect([0, 59.9, 61].map(formatElapsed)).to.deep.equal(['0:00', '0:59', '1:01']));
});
