import { answerStep } from './answer-step.js';

answerStep();
