import type { Method } from '../observed.js';
import { baroMethod, randomMethod, robustZMethod, traversalMethod } from './floors.js';
import { sageMethod } from './sage.js';

/** Sage, its published search, and the floors that anything worth its cost must beat. */
export const METHODS: readonly Method[] = [
  sageMethod('sage'),
  sageMethod('faithful'),
  traversalMethod,
  baroMethod,
  robustZMethod,
  randomMethod,
];
