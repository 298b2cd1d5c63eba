import { failure, type Outcome, success } from '@sage/core';
import type { ControlGroup } from '../procfs/cgroup.js';
import type { Step } from '../steps/step.js';
import type { System } from '../system.js';
import { enclosingPod } from '../targets/group-names.js';
import { readWritable, writeSteps } from './cgroup-file.js';
import { outOfRange, type Planned } from './site.js';

/** Weights as cgroup v2 has them. */
export const LEAST_WEIGHT = 1;
export const USUAL_WEIGHT = 100;
export const LARGEST_WEIGHT = 10_000;

/** How one file of the kernel counts weights. */
export interface WeightScale {
  readonly file: string;
  /** From a weight of v2 to the file's own number. */
  toFile(weight: number): number;
  fromFile(value: number): number;
}

export interface WeightKnob {
  readonly scale: WeightScale;
  readonly directory: string;
  /** Of cgroup v2, whatever the file counts in. */
  readonly current: number;
  readonly max: number;
}

/**
 * A weight, alone or with the weights of single devices beside it:
 *
 *     1024
 *     default 100
 *     8:16 50
 */
export function parseWeight(text: string): { readonly value: number; readonly keyed: boolean } | undefined {
  const match = /^(default )?(\d+)\s*$/m.exec(text);
  return match === null ? undefined : { value: Number(match[2]), keyed: match[1] !== undefined };
}

export function readWeightKnob(
  system: System,
  { directory }: ControlGroup,
  scale: WeightScale,
  max: number,
): Outcome<WeightKnob, 'unsupported'> {
  const path = `${directory}/${scale.file}`;
  const text = readWritable(system, path);
  if (!text.ok) return text;
  const weight = parseWeight(text.value);
  if (weight === undefined) return failure('unsupported', `${path} reads ${JSON.stringify(text.value)}`);
  // Groups of the idle class show 0, and the kernel refuses them a weight.
  if (weight.value === 0)
    return failure('unsupported', `${path} reads 0: the group runs when nothing else does`);
  return success({ scale, directory, current: scale.fromFile(weight.value), max });
}

/**
 * Weights count among the children of one group: a container's against its pod's other containers, the pod's against
 * other pods. Kubernetes gives a pod the sum of its containers, and so does this.
 */
export function planWeight(system: System, what: string, knob: WeightKnob, weight: number): Planned {
  const { scale, directory, current, max } = knob;
  if (!Number.isInteger(weight) || weight < LEAST_WEIGHT || weight > max) {
    return outOfRange(what, weight, LEAST_WEIGHT, max, '(a whole number)');
  }
  const own = weightSteps(system, `${directory}/${scale.file}`, scale.toFile(weight));
  const pod = enclosingPod(directory);
  if (pod === undefined || weight <= current) return success(own);
  const podPath = `${pod}/${scale.file}`;
  const now = parseWeight(system.read(podPath) ?? '');
  if (now === undefined) return failure('unsupported', `${podPath} cannot be read`);
  const raised = Math.min(LARGEST_WEIGHT, scale.fromFile(now.value) + weight - current);
  return success([...weightSteps(system, podPath, scale.toFile(raised)), ...own]);
}

function weightSteps(system: System, path: string, value: number): readonly Step[] {
  const now = parseWeight(system.read(path) ?? '');
  if (now === undefined) return [];
  return now.keyed
    ? writeSteps(path, `default ${value}`, `default ${now.value}`, 'line')
    : writeSteps(path, String(value), String(now.value));
}
