import { EventEmitter } from 'node:events';
import { expect } from 'chai';
import { endAtSecondInterrupt } from '../src/second-interrupt.js';

function program() {
  const codes: number[] = [];
  const emitter = Object.assign(new EventEmitter(), { exit: (code: number) => codes.push(code) });
  endAtSecondInterrupt(emitter);
  return { emitter, codes };
}

describe('Ctrl-C', () => {
  it('is left to the program the first time, and ends it at once the second time', () => {
    const { emitter, codes } = program();
    let closing = 0;
    emitter.on('SIGINT', () => closing++);
    emitter.emit('SIGINT');
    expect([closing, codes]).to.deep.equal([1, []]);
    emitter.emit('SIGINT');
    expect(codes).to.deep.equal([130]);
  });

  it('ends at once what does not listen yet', () => {
    const { emitter, codes } = program();
    emitter.emit('SIGINT');
    expect(codes).to.deep.equal([130]);
  });
});
