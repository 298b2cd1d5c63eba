import type { Outcome } from '@sage/core';
import type { System } from '../system.js';
import {
  applyClass,
  applyRoot,
  classFilterLines,
  classLines,
  rootLines,
  undoClass,
  undoRoot,
  verifyClass,
  verifyRoot,
} from './link-class.js';
import {
  applyMirror,
  applyRedirect,
  mirrorLine,
  redirectLines,
  undoMirror,
  undoRedirect,
  verifyMirror,
  verifyRedirect,
} from './link-ingress.js';
import type { LinkStep } from './link-step.js';

/** The lines of tc or ip, parted by semicolons. */
export function describeLinkStep(step: LinkStep): string {
  switch (step.op) {
    case 'link-mirror':
      return `ip ${mirrorLine(step)}`;
    case 'link-root':
      return `tc ${rootLines(step).join('; ')}`;
    case 'link-class': {
      const was = step.was === null ? 'no class' : `${step.was}bit`;
      return `tc ${[...classLines(step), ...classFilterLines(step)].join('; ')} (was ${was})`;
    }
    case 'link-redirect':
      return `tc ${redirectLines(step).join('; ')}`;
  }
}

export function applyLinkStep(system: System, step: LinkStep): Promise<Outcome<void>> {
  switch (step.op) {
    case 'link-mirror':
      return applyMirror(system, step);
    case 'link-root':
      return applyRoot(system, step);
    case 'link-class':
      return applyClass(system, step);
    case 'link-redirect':
      return applyRedirect(system, step);
  }
}

export function verifyLinkStep(system: System, step: LinkStep): Promise<Outcome<void>> {
  switch (step.op) {
    case 'link-mirror':
      return verifyMirror(system, step);
    case 'link-root':
      return verifyRoot(system, step);
    case 'link-class':
      return verifyClass(system, step);
    case 'link-redirect':
      return verifyRedirect(system, step);
  }
}

export function undoLinkStep(system: System, step: LinkStep): Promise<Outcome<string>> {
  switch (step.op) {
    case 'link-mirror':
      return undoMirror(system, step);
    case 'link-root':
      return undoRoot(system, step);
    case 'link-class':
      return undoClass(system, step);
    case 'link-redirect':
      return undoRedirect(system, step);
  }
}
