import { failure, type Outcome, success } from '@sage/core';
import type { System } from '../system.js';
import { missingClassLines, missingRootLines, whyNotClass, whyNotRoot } from './link-class.js';
import { applyMirror, missingRedirectLines, whyNotMirror, whyNotRedirect } from './link-ingress.js';
import { type LinkParts, type LinkReading, readParts, readPresent } from './link-reading.js';
import type { LinkStep } from './link-step.js';
import { runTc } from './tc.js';

const ORDER: readonly LinkStep['op'][] = ['link-mirror', 'link-root', 'link-class', 'link-redirect'];

/** Steps that make one queue follow each other in one order: where it begins anew, another queue does. */
export function beginsQueue(step: LinkStep, before: LinkStep | undefined): boolean {
  return before === undefined || ORDER.indexOf(step.op) <= ORDER.indexOf(before.op);
}

/** What of the steps is not there is made in one run of tc, after one of ip where a device of our own is missing. */
export async function applyQueue(system: System, steps: readonly LinkStep[]): Promise<Outcome<void>> {
  // A root is new as a rule, and all that hangs below it.
  const isNew = steps.some(({ op }) => op === 'link-root' || op === 'link-mirror');
  const reading = await (isNew ? readPresent : readParts)(system, partsFor(steps));
  if (!reading.ok) return reading;
  for (const step of steps) {
    if (step.op !== 'link-mirror' || whyNotMirror(step, reading.value) === undefined) continue;
    const made = await applyMirror(system, step);
    if (!made.ok) return made;
  }
  return runTc(
    system,
    steps.flatMap((step) => missingLines(step, reading.value)),
  );
}

/** Reads back all of them at once. */
export async function verifyQueue(
  system: System,
  steps: readonly LinkStep[],
): Promise<Outcome<void, 'unsupported' | 'verify'>> {
  const reading = await readParts(system, partsToVerify(steps));
  if (!reading.ok) return reading;
  for (const step of steps) {
    const why = whyNot(step, reading.value);
    if (why !== undefined) return failure('verify', why);
  }
  return success(undefined);
}

/** Filters only: what else is there is replaced. */
function partsFor(steps: readonly LinkStep[]): LinkParts {
  return merged(
    steps.map((step) => {
      if (step.op === 'link-redirect') return { redirectsOf: step.device };
      return step.op === 'link-class' && step.matches.length > 0 ? { filtersOf: step.device } : {};
    }),
  );
}

function partsToVerify(steps: readonly LinkStep[]): LinkParts {
  return merged([
    partsFor(steps),
    ...steps.map((step) => (step.op === 'link-class' ? { classesOf: step.device } : {})),
  ]);
}

function merged(parts: readonly LinkParts[]): LinkParts {
  return Object.assign({}, ...parts) as LinkParts;
}

function missingLines(step: LinkStep, reading: LinkReading): readonly string[] {
  switch (step.op) {
    case 'link-mirror':
      return [];
    case 'link-root':
      return missingRootLines(step, reading);
    case 'link-class':
      return missingClassLines(step, reading);
    case 'link-redirect':
      return missingRedirectLines(step, reading);
  }
}

function whyNot(step: LinkStep, reading: LinkReading): string | undefined {
  switch (step.op) {
    case 'link-mirror':
      return whyNotMirror(step, reading);
    case 'link-root':
      return whyNotRoot(step, reading);
    case 'link-class':
      return whyNotClass(step, reading);
    case 'link-redirect':
      return whyNotRedirect(step, reading);
  }
}
