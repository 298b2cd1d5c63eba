import { failure, type Outcome, success } from '@sage/core';
import { runTool } from './isolation/child.js';

/** Tries, in a namespace that ends with the attempt, what kernel isolation needs; the message says what is missing. */
const ATTEMPT = [
  'ip link set lo up',
  'ip link add probe0 type bridge',
  'ip link add probe1 type veth peer name probe2',
  'tc qdisc add dev probe1 root handle 1: htb default 10',
  'command -v nsenter >/dev/null',
].join(' && ');

export async function supportsKernelIsolation(): Promise<Outcome<void, 'unsupported'>> {
  if (process.platform !== 'linux') return failure('unsupported', `this is ${process.platform}, not Linux`);
  if (process.getuid?.() !== 0) return failure('unsupported', 'not root');
  try {
    await runTool('unshare', ['--net', 'sh', '-c', ATTEMPT]);
    await runTool('sh', [
      '-c',
      'test -w /sys/fs/cgroup/cgroup.subtree_control || test -w /sys/fs/cgroup/cpu/cgroup.procs',
    ]);
    return success(undefined);
  } catch (error) {
    return failure('unsupported', error instanceof Error ? error.message : String(error));
  }
}
