import { expect } from 'chai';
import { findWantedProgram } from './support/tools.js';

describe('a test that wants a program', () => {
  const ask = (names: readonly string[], env: NodeJS.ProcessEnv) => {
    const lines: string[] = [];
    const path = findWantedProgram('the program', names, 'no picture is taken', {
      env,
      write: (line) => lines.push(line) > 0,
    });
    return { path, said: lines.join('') };
  };

  it('gets it where it is installed, under any of its names', () => {
    expect(ask(['sage-no-such-program', 'node'], {}).path).to.match(/\/node$/);
  });

  it('says that it is missing and what follows from that', () => {
    const { path, said } = ask(['sage-no-such-program'], {});
    expect(path).to.equal(undefined);
    expect(said).to.match(/no picture is taken: the program is not installed .*sage-no-such-program/);
  });

  it('fails without it on a CI machine', () => {
    expect(() => ask(['sage-no-such-program'], { CI: '1' })).to.throw('the program is not installed');
  });
});
