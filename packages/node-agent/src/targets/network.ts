import { failure, type Outcome, success } from '@sage/core';
import type { System } from '../system.js';

/** The two ends of the pair of interfaces that a container has its network through. */
export interface VirtualLink {
  /** On the node: `veth3f2a1b0`. What leaves through it the container receives. */
  readonly device: string;
  /** In the container: `eth0`. */
  readonly inside: string;
}

/**
 * Interfaces of the node whose other end is in the process's network namespace. Each end names the other's number, which
 * is unique within one namespace only; so both have to agree:
 *
 *     /proc/PID/root/sys/class/net/eth0/{ifindex,iflink}    2, 17
 *     /sys/class/net/veth3f2a1b0/{ifindex,iflink}           17, 2
 */
export function findVirtualLinks(
  system: System,
  pid: number,
): Outcome<readonly VirtualLink[], 'unsupported'> {
  const namespace = system.link(`/proc/${pid}/ns/net`);
  if (namespace === undefined)
    return failure('unsupported', `the network namespace of process ${pid} is not readable`);
  if (namespace === (system.link('/proc/1/ns/net') ?? system.link('/proc/self/ns/net'))) {
    return failure('unsupported', `process ${pid} uses the network of the node itself`);
  }
  const inside = readInterfaces(system, `/proc/${pid}/root/sys/class/net`);
  const outside = readInterfaces(system, '/sys/class/net');
  const links = inside.flatMap((end) => {
    const other = outside.find(({ index, link }) => index === end.link && link === end.index);
    // An interface that is no pair names itself.
    return other === undefined || end.link === end.index ? [] : [{ device: other.name, inside: end.name }];
  });
  if (links.length > 0) return success(links);
  const why =
    inside.length === 0 ? 'its /sys/class/net is not readable' : 'no interface of the node is its other end';
  return failure('unsupported', `process ${pid} has a network of its own, but ${why}`);
}

interface Interface {
  readonly name: string;
  readonly index: number;
  readonly link: number;
}

function readInterfaces(system: System, folder: string): readonly Interface[] {
  return system.list(folder).flatMap((name) => {
    const [index, link] = ['ifindex', 'iflink'].map((file) =>
      Number(system.read(`${folder}/${name}/${file}`) ?? ''),
    );
    return index && link ? [{ name, index, link }] : [];
  });
}
