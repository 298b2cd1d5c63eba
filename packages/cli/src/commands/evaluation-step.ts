/** The program of one measurement of `sage evaluate report`: with a live application, which @sage/evaluation has none of. */
import { startBench } from '@sage/demo';
import { answerStep } from '@sage/evaluation';

answerStep({ startApplication: (options) => startBench({ ...options, env: process.env }) });
