import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { createRng, type Objective, objectiveNode, type Window } from '@sage/core';
import { type Asked, askedWindow, type Normal, normalOf } from '../data/asked-window.js';
import { type LearnOptions, learn } from '../learn.js';
import { type Case, DataError, type Suite } from '../observed.js';
import { boutiqueTopology } from './nezha-boutique.js';
import { type Fault, isUndisturbed, readFaults } from './nezha-faults.js';
import { type Minute, readMinutes } from './nezha-minutes.js';
import type { Topology } from './nezha-topology.js';
import { trainTicketTopology } from './nezha-train-ticket.js';

interface System {
  /**
   * What `CpuUsage(m)` counts in, to be seen where the quota is reached: 20 is 100 % of Online Boutique's 200 m, 500 is
   * 100 % of Train Ticket's 500 m.
   */
  readonly coresPerUnit: number;
  topology(folder: string, minutes: readonly Minute[]): Topology;
}

const SYSTEMS: Readonly<Record<string, System>> = {
  'online-boutique': { coresPerUnit: 0.01, topology: boutiqueTopology },
  'train-ticket': { coresPerUnit: 0.001, topology: trainTicketTopology },
};

export interface NezhaOptions extends LearnOptions {
  readonly data: string;
  readonly system: string;
}

/**
 * Nezha (Yu et al., FSE 2023): a day of a shop or of a booking system, a reading a minute, with a fault of three minutes
 * now and then. Learnt from the minutes outside of known faults: where the list is a part of a larger one, there are
 * others among them. Each fault is asked about in its minute, and the percentile of the front end, that is furthest from
 * normal; how often that breaks the objective is reported apart.
 */
export async function nezhaSuite(options: NezhaOptions): Promise<Suite> {
  const { data, system: name } = options;
  const system = Object.hasOwn(SYSTEMS, name) ? SYSTEMS[name] : undefined;
  if (system === undefined) {
    throw new DataError(
      `there is no system '${name}'; those of Nezha are ${Object.keys(SYSTEMS).join(', ')}`,
    );
  }
  const folder = join(data, name);
  if (!existsSync(folder)) {
    throw new DataError(`${folder} does not exist; metric/ and fault_list.json are expected in it`);
  }
  const faults = readFaults(folder);
  const minutes = readMinutes(folder, system.coresPerUnit);
  const { callGraph, entry, windowOf } = system.topology(folder, minutes);
  const windows = minutes.map(windowOf);
  const undisturbed = windows.filter((window) => isUndisturbed(window, faults));
  const watched: Watched = {
    node: objectiveNode(entry),
    normal: normalOf(objectiveNode(entry), undisturbed),
  };
  const asked = faults.map((fault) => {
    const worst = ask(fault, windows, watched);
    if (worst !== undefined) return { fault, ...worst };
    throw new DataError(`${folder}/metric/front_service.csv saw no request during the fault of ${fault.id}`);
  });

  const { graph, model, training } = await learn(callGraph, undisturbed, options);
  const cases = asked.map(({ fault, window, percentile, thresholdMs }): Case => {
    const id = `${name}/${fault.id}`;
    const objective: Objective = { name: 'front', ...entry, percentile, thresholdMs };
    const history = historyOf(fault, window, undisturbed);
    return {
      id,
      kind: fault.kind,
      observed: { model, graph, history, window, objective, rng: createRng(options.seed).fork(id) },
      truth: () => fault.truth(),
    };
  });
  const notes = [`${name}: ${detection(asked, undisturbed, watched)}`];
  return { name: 'nezha', cases, trainings: [training], notes };
}

/**
 * The undisturbed windows as if all were of before. Most are of later, and those are mirrored at the fault: what is near
 * to it in time tells best what was normal then.
 */
function historyOf(fault: Fault, asked: Window, undisturbed: readonly Window[]): Window[] {
  return undisturbed
    .map((window) => {
      if (window.startMs < fault.endMs) return window;
      const mirror = 2 * fault.startMs;
      return { ...window, startMs: mirror - window.endMs, endMs: mirror - window.startMs };
    })
    .filter(({ endMs }) => endMs <= asked.startMs)
    .sort((a, b) => a.startMs - b.startMs);
}

/** The latency that the objective is about. */
interface Watched {
  readonly node: string;
  readonly normal: readonly Normal[];
}

function ask(fault: Fault, windows: readonly Window[], { node, normal }: Watched): Asked | undefined {
  const during = windows.filter(({ startMs, endMs }) => {
    const middle = (startMs + endMs) / 2;
    return middle >= fault.startMs && middle < fault.endMs;
  });
  return askedWindow(node, during, normal);
}

/** How many faults break an objective that undisturbed minutes seldom do, and how often those do. */
function detection(
  asked: readonly (Asked & { readonly fault: Fault })[],
  undisturbed: readonly Window[],
  { node, normal }: Watched,
): string {
  const isBroken = ({ observedMs, undisturbedMs }: Asked) => observedMs > undisturbedMs;
  const kinds = [...new Set(asked.map(({ fault }) => fault.kind))].sort();
  const parts = kinds.map((kind) => {
    const ofKind = asked.filter(({ fault }) => fault.kind === kind);
    return `${ofKind.filter(isBroken).length} of ${ofKind.length} ${kind} faults`;
  });
  // Three minutes of three percentiles are looked at: as many chances as a fault has.
  const alarms = undisturbed.filter((_, index) => {
    const three = askedWindow(node, undisturbed.slice(index, index + 3), normal);
    return three !== undefined && isBroken(three);
  });
  const share = ((100 * alarms.length) / Math.max(1, undisturbed.length)).toFixed(1);
  return `${parts.join(' and ')} lift the front end's p50, p95 or p99 above what 99 % of ${undisturbed.length} undisturbed minutes stay below; so do ${share} % of undisturbed times of that length`;
}
