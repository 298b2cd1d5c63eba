import { callsPerSecond, median, type Window } from '@sage/core';
import type { ModelState } from './fitted-model.js';
import { type Inputs, inputReader, isKnownLoad } from './inputs.js';
import { lackingCauses } from './lacking-causes.js';
import type { Layout } from './layout.js';
import { Mechanism } from './mechanism.js';

/** Services that behave otherwise than was learnt. */
export interface Drift {
  /** Sorted. */
  readonly services: readonly string[];
  /** Since the start of this window all of them do. */
  readonly sinceMs: number;
}

/**
 * A residual lies beyond what was learnt from so many spreads on. At most a quarter of those that the spread is of do, on
 * either side and whatever their distribution: neither quartile is further from the median than they are apart, which is
 * 1.35 spreads.
 */
const BEYOND_SPREADS = 1.5;
/** The newest windows, which are looked at. */
const LOOKED_AT = 60;
/**
 * So many of them have to agree. Of 60 windows each of which lies beyond with a probability of 1/4, 30 do with one of
 * 3·10⁻⁵: no more often is a percentile of a node said to have moved to one side that has not. Where residuals are normal,
 * it is 10⁻¹⁹.
 */
const AGREEING = 30;

/**
 * Services whose latency, given what was observed of its causes, has moved from what the model learnt; undefined where
 * none has. Windows with a load that the model does not know tell nothing of whom that load reaches. `calm`: in time
 * order, outside incidents: what broke an objective is to be diagnosed, not to be learnt as usual.
 */
export function findDrift(state: ModelState, calm: readonly Window[]): Drift | undefined {
  const windows = newestApart(calm);
  const moved = movedOf(Array.from(residualsOf(state, windows.slice(0, LOOKED_AT)), ([, z]) => z));
  if (moved.length === 0) return undefined;
  return {
    services: servicesOf(state.layout, moved),
    sinceMs: sinceWhen(moved, residualsOf(state, windows)),
  };
}

/** Roots whose load has left what the model knows, as many of the newest windows agree. */
export function findUnknownLoads({ layout, scales }: ModelState, calm: readonly Window[]): readonly string[] {
  const newest = newestApart(calm).slice(0, LOOKED_AT);
  return layout.roots.filter((root, r) => {
    const unknown = newest.filter((window) => !isKnownLoad(scales, r, callsPerSecond(window, root)));
    return unknown.length >= AGREEING;
  });
}

/** The newest first, without those that overlap a newer one: they tell the same once more. */
function newestApart(windows: readonly Window[]): readonly Window[] {
  const apart: Window[] = [];
  let beforeMs = Number.POSITIVE_INFINITY;
  for (const window of windows.toReversed()) {
    if (window.endMs > beforeMs) continue;
    apart.push(window);
    beforeMs = window.startMs;
  }
  return apart;
}

/** Windows that are read and decoded together. */
const MOST_ROWS = 32;

/**
 * Residuals given observed causes as they were calibrated, in spreads, [node][percentile]; NaN where a window does not
 * tell.
 */
function* residualsOf(
  { layout, scales, parameters, residuals }: ModelState,
  windows: readonly Window[],
): Generator<readonly [Window, Float64Array]> {
  const read = inputReader(layout, scales);
  const mechanism = new Mechanism(layout, scales, parameters);
  for (let first = 0; first < windows.length; first += MOST_ROWS) {
    const part = windows.slice(first, first + MOST_ROWS);
    const decoded = mechanism.decodeAll(part.map(read), 'prior', 'observed');
    for (const window of part) {
      const [{ observed, seen }, expected] = decoded.next().value as readonly [Inputs, Float64Array];
      const lacking = lackingCauses(layout, window, seen);
      const unknown = unknownLoads({ layout, scales }, window);
      const z = expected.map((ms, at) => {
        const v = Math.floor(at / 3);
        if (seen[v] === 0 || lacking[v] === 1 || unknown[v] === 1) return Number.NaN;
        const center = residuals.center[at] as number;
        return ((observed[at] as number) - ms - center) / (residuals.spread[at] as number);
      });
      yield [window, z];
    }
  }
}

/** [node]: 1 where a load reaches an owner of it that the model does not know. */
function unknownLoads({ layout, scales }: Pick<ModelState, 'layout' | 'scales'>, window: Window): Uint8Array {
  const nodes = new Uint8Array(layout.nodes.length);
  const isUnknown = layout.roots.map((root, r) => !isKnownLoad(scales, r, callsPerSecond(window, root)));
  for (const { roots, nodes: owned } of layout.units) {
    if (roots.some((root) => isUnknown[root])) for (const v of owned) nodes[v] = 1;
  }
  return nodes;
}

/** A percentile of a node that has moved. */
interface Moved {
  /** Into [node][percentile]. */
  readonly at: number;
  /** 1 for up, −1 for down. */
  readonly side: number;
  /** Halfway from what was learnt to what is usual now, in spreads: beyond it, the second is the likelier. */
  readonly middle: number;
}

function movedOf(newest: readonly Float64Array[]): readonly Moved[] {
  return Array.from(newest[0] ?? []).flatMap((_, at) => {
    const told = newest.map((z) => z[at] as number).filter((z) => !Number.isNaN(z));
    return [1, -1].flatMap((side) => {
      const agreeing = told.filter((z) => side * z >= BEYOND_SPREADS).length;
      return agreeing >= AGREEING ? [{ at, side, middle: median(told) / 2 }] : [];
    });
  });
}

/**
 * From where on, seen from the newest window, most windows are more like the newest than like what was learnt: where the
 * sum of +1 for each that is and −1 for each that isn't is largest. Of the last to move, so that all have moved by then.
 */
function sinceWhen(moved: readonly Moved[], newestFirst: Iterable<readonly [Window, Float64Array]>): number {
  const walks = moved.map((column) => ({ column, sum: 0, most: 0, sinceMs: Number.POSITIVE_INFINITY }));
  for (const [window, z] of newestFirst) {
    for (const walk of walks) {
      const { at, side, middle } = walk.column;
      const residual = z[at] as number;
      if (Number.isNaN(residual)) continue;
      walk.sum += side * residual >= side * middle ? 1 : -1;
      if (walk.sum <= walk.most) continue;
      walk.most = walk.sum;
      walk.sinceMs = window.startMs;
    }
    if (walks.every(({ sum, most }) => most - sum >= AGREEING)) break;
  }
  return Math.max(...walks.map(({ sinceMs }) => sinceMs));
}

function servicesOf({ owners, units }: Layout, moved: readonly Moved[]): readonly string[] {
  const found = moved.flatMap(({ at }) => owners[Math.floor(at / 3)] ?? []);
  return [...new Set(found.map((u) => units[u]?.service as string))].sort();
}
