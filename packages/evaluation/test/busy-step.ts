/** A step that never lets its process hear of anything: for the test of what ends it. */
import { writeSync } from 'node:fs';
import { answerStep } from '../src/experiments/answer-step.js';

answerStep({
  startApplication: () => {
    writeSync(1, `${process.pid}\n`);
    for (;;);
  },
});
