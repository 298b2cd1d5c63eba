import { type Fault, type FaultCase, truthOf } from '@sage/simulator';
import type { Truth } from '../observed.js';

/** A fault that may be what breaks an objective, and the case that it belongs to. */
export interface Suspected {
  readonly item: FaultCase;
  readonly fault: Fault;
}

/** Whether a fault breaks the objective in the window in question in a run in which it is the only one. */
export type BreaksAlone = (suspected: Suspected) => Promise<boolean>;

export function suspectedOf(item: FaultCase): readonly Suspected[] {
  return item.faults.map((fault) => ({ item, fault }));
}

/**
 * Which faults break the objective during a case: of its own, and of `earlier` ones from which the application had not
 * recovered when it began, those that break it alone; all its own where none does, or where there is nobody else.
 */
export async function guiltyOf(
  item: FaultCase,
  { earlier, breaksAlone }: { readonly earlier: readonly Suspected[]; readonly breaksAlone: BreaksAlone },
): Promise<readonly Suspected[]> {
  const own = suspectedOf(item);
  const all = [...earlier, ...own];
  if (all.length < 2) return own;
  const guilty: Suspected[] = [];
  for (const suspected of all) if (await breaksAlone(suspected)) guilty.push(suspected);
  return guilty.length > 0 ? guilty : own;
}

/**
 * Whom to blame during a case. What is left of a fault that is over is work that has piled up: its service's, and of no
 * resource.
 */
export function truthsOf(guilty: readonly Suspected[], item: FaultCase): readonly Truth[] {
  const truths = new Map<string, Truth>();
  for (const { item: of, fault } of guilty) {
    for (const { service, resource } of truthOf(fault)) {
      if (of === item) truths.set(service, { service, resource });
      else if (!truths.has(service)) truths.set(service, { service, resource: null });
    }
  }
  return [...truths.values()];
}
