import { failure, type Outcome, success } from '@sage/core';
import type { TargetConfig } from '../config.js';
import { formatCpuList, overlaps, parseCpuList } from '../procfs/cpu-list.js';
import type { Step } from '../steps/step.js';
import type { System } from '../system.js';
import { targetCpus } from '../targets/find-target.js';
import { isWithin, outOfRange, type Planned, type Site } from './site.js';

const CPU = '/sys/devices/system/cpu';
const POLICIES = `${CPU}/cpufreq`;

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
  /** What a minimum may be raised to with any effect. */
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
    const khz = (file: string) => parseKhz(text(file));
    const affected = parseCpuList(text('affected_cpus') ?? '');
    const [scalingMin, scalingMax] = [khz('scaling_min_freq'), khz('scaling_max_freq')];
    if (!overlaps(affected, cpus) || scalingMin === undefined || scalingMax === undefined) continue;
    policies.push({
      directory,
      cpus: affected,
      driver: text('scaling_driver')?.trim() ?? '',
      governor: text('scaling_governor')?.trim() ?? '',
      scalingMin,
      scalingMax,
      hardwareMin: khz('cpuinfo_min_freq') ?? scalingMin,
      hardwareMax: reachableKhz(system, directory, khz('cpuinfo_max_freq') ?? scalingMax),
    });
  }
  return policies.sort((a, b) => (a.cpus[0] ?? 0) - (b.cpus[0] ?? 0));
}

/**
 * `cpuinfo_max_freq` follows the boost switch of acpi-cpufreq, amd-pstate and cppc_cpufreq. intel_pstate keeps naming the
 * turbo frequency while `no_turbo` is 1 (up to Linux 5.13), and bounds all processors by `max_perf_pct`; firmware may
 * bound acpi-cpufreq by `bios_limit`. Those switches are the operator's: they are read, never written.
 */
function reachableKhz(system: System, directory: string, cpuinfoMax: number): number {
  const number = (path: string) => parseKhz(system.read(path));
  const base =
    number(`${CPU}/intel_pstate/no_turbo`) === 1 ? number(`${directory}/base_frequency`) : undefined;
  const percent = number(`${CPU}/intel_pstate/max_perf_pct`) ?? 100;
  const bounds = [base, number(`${directory}/bios_limit`), Math.floor((cpuinfoMax * percent) / 100)];
  return Math.min(cpuinfoMax, ...bounds.filter((bound) => bound !== undefined));
}

/**
 * The frequency that the policy keeps above now. Under `performance` that is its maximum; every other governor keeps
 * above the minimum: intel_pstate's and amd-pstate's own `powersave` (whatever the energy preference), the generic one,
 * which runs at the minimum, and `userspace`, whose `scaling_setspeed` the kernel holds between the two.
 */
export function floorKhz({ governor, scalingMin, scalingMax }: CpufreqPolicy): number {
  return governor === 'performance' ? scalingMax : scalingMin;
}

function whyNotChangeable(
  system: System,
  { directory, cpus }: CpufreqPolicy,
  targetsCpus: readonly number[],
): string | undefined {
  const path = `${directory}/scaling_min_freq`;
  const others = cpus.filter((cpu) => !targetsCpus.includes(cpu));
  if (others.length > 0) {
    return `${directory} sets the frequency of cpu ${formatCpuList(others)}, too, where the target does not run`;
  }
  return system.writable(path) ? undefined : `${path} is not writable by the agent`;
}

export interface FrequencyKnob {
  readonly policies: readonly CpufreqPolicy[];
  /** Of several policies the slowest counts. */
  readonly currentMin: number;
  readonly least: number;
  /** What all of them reach. */
  readonly max: number;
}

/** All of the target's policies, or why not one of them may be changed. */
export function readFrequencyKnob(site: Site, target: TargetConfig): Outcome<FrequencyKnob, 'unsupported'> {
  const cpus = targetCpus(site, target);
  if (cpus.length === 0) return failure('unsupported', `no process of ${target.name} runs`);
  const policies = readCpufreqPolicies(site.system, cpus);
  if (policies.length === 0) {
    return failure(
      'unsupported',
      `no cpufreq policy for cpu ${cpus.join(',')}: a virtual machine, or no driver`,
    );
  }
  if (policies.every((policy) => floorKhz(policy) >= policy.hardwareMax)) {
    const each = policies.map(({ directory, governor }) => `${directory} (governor ${governor})`).join(', ');
    return failure('unsupported', `${each} runs at its maximum already`);
  }
  const reasons = policies.map((policy) => whyNotChangeable(site.system, policy, cpus));
  const reason = reasons.find((why) => why !== undefined);
  if (reason !== undefined) return failure('unsupported', reason);
  return success({
    policies,
    currentMin: Math.min(...policies.map(floorKhz)),
    least: Math.max(...policies.map(({ hardwareMin }) => hardwareMin)),
    max: Math.min(...policies.map(({ hardwareMax }) => hardwareMax)),
  });
}

export function planCpuFrequency(site: Site, target: TargetConfig, minKhz: number): Planned {
  const knob = readFrequencyKnob(site, target);
  if (!knob.ok) return knob;
  const { policies, least, max } = knob.value;
  if (!Number.isInteger(minKhz) || !isWithin(minKhz, least, max)) {
    return outOfRange('minimum frequency', minKhz, least, max, 'kHz');
  }
  return success(policies.flatMap((policy) => policySteps(policy, minKhz)));
}

/** The kernel refuses a minimum above the maximum: raising goes maximum first, and undo in reverse. */
function policySteps(policy: CpufreqPolicy, minKhz: number): readonly Step[] {
  const { governor, scalingMin, scalingMax } = policy;
  if (scalingMin === minKhz || (governor === 'performance' && minKhz <= scalingMax)) return [];
  const raised = minKhz > scalingMax ? [frequencyStep(policy, 'max', minKhz, scalingMax)] : [];
  return [...raised, frequencyStep(policy, 'min', minKhz, scalingMin)];
}

function frequencyStep(policy: CpufreqPolicy, which: 'min' | 'max', value: number, was: number): Step {
  const path = `${policy.directory}/scaling_${which}_freq`;
  return { op: 'write', path, value: String(value), was: String(was), format: 'text' };
}
