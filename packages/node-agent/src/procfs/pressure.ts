import type { System } from '../system.js';
import { type Hierarchy, readCgroupDirectory } from './cgroup.js';

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
export function readGroupPressure(system: System, unified: Hierarchy | undefined, pid: number): Pressure {
  const directory = unified && readCgroupDirectory(system, unified, pid);
  const total = (resource: string) =>
    directory === undefined || directory === unified?.mount
      ? undefined
      : parsePressureMicroseconds(system.read(`${directory}/${resource}.pressure`) ?? '');
  return { cpuUs: total('cpu'), memoryUs: total('memory'), ioUs: total('io') };
}
