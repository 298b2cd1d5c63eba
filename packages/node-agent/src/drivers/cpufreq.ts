import { failure, type Outcome, success } from '@sage/core';
import type { TargetConfig } from '../config.js';
import { overlaps, parseCpuList } from '../procfs/cpu-list.js';
import type { Step } from '../steps/step.js';
import type { System } from '../system.js';
import { isWithin, outOfRange, type Planned, type Site, targetCpus } from './site.js';

const POLICIES = '/sys/devices/system/cpu/cpufreq';

/** Processors that change frequency together. All frequencies in kHz. */
export interface CpufreqPolicy {
  readonly directory: string;
  /** Online processors of the policy. */
  readonly cpus: readonly number[];
  readonly driver: string;
  readonly governor: string;
  readonly scalingMin: number;
  readonly scalingMax: number;
  readonly hardwareMin: number;
  readonly hardwareMax: number;
}

/** One frequency: `800000`. An offline or broken policy answers `<unsupported>` or `<unknown>`. */
export function parseKhz(text: string | undefined): number | undefined {
  const match = /^(\d+)\s*$/.exec(text ?? '');
  return match === null ? undefined : Number(match[1]);
}

/** Policies that have a processor of `cpus` and can be read whole. */
export function readCpufreqPolicies(system: System, cpus: readonly number[]): readonly CpufreqPolicy[] {
  const policies: CpufreqPolicy[] = [];
  for (const name of system.list(POLICIES)) {
    if (!/^policy\d+$/.test(name)) continue;
    const directory = `${POLICIES}/${name}`;
    const text = (file: string) => system.read(`${directory}/${file}`);
    const affected = parseCpuList(text('affected_cpus') ?? '');
    const [scalingMin, scalingMax, hardwareMin, hardwareMax] = [
      'scaling_min_freq',
      'scaling_max_freq',
      'cpuinfo_min_freq',
      'cpuinfo_max_freq',
    ].map((file) => parseKhz(text(file)));
    if (!overlaps(affected, cpus)) continue;
    if (scalingMin === undefined || scalingMax === undefined) continue;
    policies.push({
      directory,
      cpus: affected,
      driver: text('scaling_driver')?.trim() ?? '',
      governor: text('scaling_governor')?.trim() ?? '',
      scalingMin,
      scalingMax,
      hardwareMin: hardwareMin ?? scalingMin,
      hardwareMax: hardwareMax ?? scalingMax,
    });
  }
  return policies.sort((a, b) => (a.cpus[0] ?? 0) - (b.cpus[0] ?? 0));
}

/**
 * Whether a higher minimum would make this policy's processors faster, and why not. Under `performance` they already
 * run at the top; every other governor, `userspace` and intel_pstate's own `powersave` too, keeps above the minimum.
 */
export function whyNotRaisable(system: System, policy: CpufreqPolicy): string | undefined {
  const path = `${policy.directory}/scaling_min_freq`;
  if (policy.governor === 'performance' && policy.scalingMax >= policy.hardwareMax) {
    return `${policy.directory} runs at its maximum already (governor performance)`;
  }
  if (!system.writable(path)) return `${path} is not writable by the agent`;
  return undefined;
}

export function findTargetPolicies(
  site: Site,
  target: TargetConfig,
): Outcome<readonly CpufreqPolicy[], 'unsupported'> {
  const cpus = targetCpus(site, target);
  if (cpus.length === 0) return failure('unsupported', `no process of ${target.name} runs`);
  const policies = readCpufreqPolicies(site.system, cpus);
  if (policies.length === 0) {
    return failure(
      'unsupported',
      `no cpufreq policy for cpu ${cpus.join(',')}: a virtual machine, or no driver`,
    );
  }
  return success(policies);
}

export function planCpuFrequency(site: Site, target: TargetConfig, minKhz: number): Planned {
  const policies = findTargetPolicies(site, target);
  if (!policies.ok) return policies;
  const steps: Step[] = [];
  for (const policy of policies.value) {
    if (!Number.isInteger(minKhz) || !isWithin(minKhz, policy.hardwareMin, policy.hardwareMax)) {
      return outOfRange('minimum frequency', minKhz, policy.hardwareMin, policy.hardwareMax, 'kHz');
    }
    if (policy.scalingMin === minKhz) continue;
    const reason = whyNotRaisable(site.system, policy);
    if (reason !== undefined) return failure('unsupported', reason);
    // The kernel refuses a minimum above the maximum, so raising goes maximum first; undo goes in reverse.
    if (minKhz > policy.scalingMax) steps.push(frequencyStep(policy, 'max', minKhz, policy.scalingMax));
    steps.push(frequencyStep(policy, 'min', minKhz, policy.scalingMin));
  }
  return success(steps);
}

function frequencyStep(policy: CpufreqPolicy, which: 'min' | 'max', value: number, was: number): Step {
  const path = `${policy.directory}/scaling_${which}_freq`;
  return { op: 'write', path, value: String(value), was: String(was), format: 'text' };
}
