import type { NodeAction, Outcome } from '@sage/core';
import { success } from '@sage/core';
import { RESCTRL } from './drivers/resctrl.js';
import type { System } from './system.js';

/**
 * Whoever changes resctrl reads what is there, decides and writes: its users agree to hold an flock(2) on the mount point
 * meanwhile (the kernel's resctrl.rst, "Locking"). The value gives it back; for other actions there is nothing to hold.
 */
export async function lockFor(
  system: System,
  action: NodeAction,
): Promise<Outcome<() => void, 'busy' | 'unsupported'>> {
  const concerned =
    action.kind === 'llc-ways' ||
    action.kind === 'memory-bandwidth' ||
    (action.kind === 'limit-corunner' && (action.of === 'llc' || action.of === 'memory-bandwidth'));
  return concerned && system.exists(RESCTRL) ? system.lock(RESCTRL) : success(() => {});
}
