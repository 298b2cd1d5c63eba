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

/** Of the node: `/proc/pressure/cpu`, `memory` and `io`. */
export function readNodePressure(system: System): Pressure {
  return readPressure(system, (resource) => `/proc/pressure/${resource}`);
}

/**
 * Of a process's group in the v2 hierarchy, which tells pressure whether or not its controllers are those of v1. The root
 * group is everybody's, so its pressure is nobody's.
 */
export function readGroupPressure(system: System, pid: number): Pressure {
  const mount = /^\d+ \d+ \S+ \/ (\S+) .* - cgroup2 /m.exec(system.read('/proc/self/mountinfo') ?? '')?.[1];
  const path = /^0::(\/.+)$/m.exec(system.read(`/proc/${pid}/cgroup`) ?? '')?.[1];
  if (mount === undefined || path === undefined)
    return { cpuUs: undefined, memoryUs: undefined, ioUs: undefined };
  return readPressure(system, (resource) => `${mount}${path}/${resource}.pressure`);
}

function readPressure(system: System, file: (resource: string) => string): Pressure {
  const [cpuUs, memoryUs, ioUs] = ['cpu', 'memory', 'io'].map((resource) =>
    parsePressureMicroseconds(system.read(file(resource)) ?? ''),
  );
  return { cpuUs, memoryUs, ioUs };
}
