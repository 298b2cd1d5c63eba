import type { System } from '../system.js';

/** Pressure stall information: total time in µs in which some task waited. What the kernel does not tell is undefined. */
export interface Pressure {
  readonly cpuUs: number | undefined;
  readonly memoryUs: number | undefined;
  readonly ioUs: number | undefined;
}

/**
 *     some avg10=0.00 avg60=0.00 avg300=0.00 total=12345
 *     full avg10=0.00 avg60=0.00 avg300=0.00 total=0
 */
export function parsePressureMicroseconds(text: string): number | undefined {
  const match = /^some .*\btotal=(\d+)/m.exec(text);
  return match === null ? undefined : Number(match[1]);
}

/**
 * Of a process's group in the v2 hierarchy, which tells pressure even where the controllers are those of v1. The root
 * group's is the node's own, which says nothing of one service, and the node exporter has it.
 */
export function readGroupPressure(system: System, pid: number): Pressure {
  const mount = /^\d+ \d+ \S+ \/ (\S+) .* - cgroup2 /m.exec(system.read('/proc/self/mountinfo') ?? '')?.[1];
  const path = /^0::(\/.+)$/m.exec(system.read(`/proc/${pid}/cgroup`) ?? '')?.[1];
  const total = (resource: string) =>
    mount === undefined || path === undefined
      ? undefined
      : parsePressureMicroseconds(system.read(`${mount}${path}/${resource}.pressure`) ?? '');
  return { cpuUs: total('cpu'), memoryUs: total('memory'), ioUs: total('io') };
}
