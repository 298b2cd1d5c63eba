import { expect } from 'chai';
import { Pace } from '../src/pace.js';

describe('the pace of a training', () => {
  /** Where each step stood, hastened before one of them. */
  const steps = (of: number, hastenBefore = of + 1, to = 1): number[] => {
    const pace = new Pace(of);
    const stood: number[] = [];
    while (!pace.isOver) {
      if (stood.length >= hastenBefore) pace.endWithin(to);
      stood.push(pace.next());
    }
    return stood;
  };

  it('is even over as many steps as there are to be', () => {
    const stood = steps(900);
    expect(stood).to.have.length(900);
    expect(stood[0]).to.equal(0);
    expect(stood[450]).to.be.closeTo(0.5, 1e-9);
  });

  it('takes the rest in few steps when it is told to end, without a leap, however often it is told', () => {
    const stood = steps(900, 450, 100);
    expect(stood).to.have.length(550);
    expect(stood[450]).to.be.closeTo(0.5, 1e-9);
    expect(stood[500]).to.be.closeTo(0.75, 1e-9);
  });

  it('is not slowed by being told to end later than it would', () => {
    expect(steps(900, 880, 100)).to.have.length(900);
  });
});
