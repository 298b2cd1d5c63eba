import type { Calibrated, Method } from '../observed.js';
import { autoscaleMethod } from './autoscale.js';
import { causeInferMethod } from './causeinfer.js';
import { baroMethod, randomMethod, robustZMethod, traversalMethod } from './floors.js';
import { microscopeMethod } from './microscope.js';
import { oracleMethod } from './oracle.js';
import { sageMethod } from './sage.js';
import { seerMethod } from './seer/seer.js';

/** Sage, its published search, the systems that it was published beside, and the floors that anything worth its cost must beat. */
export const METHODS: readonly (Method | Calibrated)[] = [
  sageMethod('sage'),
  sageMethod('faithful'),
  seerMethod,
  causeInferMethod,
  microscopeMethod,
  oracleMethod,
  autoscaleMethod('autoscale-strict'),
  autoscaleMethod('autoscale-relax'),
  traversalMethod,
  baroMethod,
  robustZMethod,
  randomMethod,
];
