import { errorMessage, failure, type Outcome, success } from '@sage/core';
import { CGROUP_ROOT, Cgroups } from './isolation/cgroups.js';
import { runTool } from './isolation/child.js';
import { QUOTA } from './isolation/kernel-ground.js';

const PROBE_GROUP = 'probe';

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
    const cgroups = new Cgroups(CGROUP_ROOT);
    await cgroups.create(PROBE_GROUP);
    await cgroups.setQuota(PROBE_GROUP, QUOTA);
    return success(undefined);
  } catch (error) {
    return failure('unsupported', errorMessage(error));
  } finally {
    await new Cgroups(CGROUP_ROOT).remove(PROBE_GROUP);
  }
}
