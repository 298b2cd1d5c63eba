import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { createRng, type Objective, objectiveNode, PERCENTILES, type Window } from '@sage/core';
import { type Asked, asIfBefore, askedWindow } from '../data/asked-window.js';
import { type LearnOptions, learn } from '../learn.js';
import { type Case, DataError, type Suite } from '../observed.js';
import { boutiqueTopology } from './nezha-boutique.js';
import { type Fault, isUndisturbed, readFaults } from './nezha-faults.js';
import { MINUTE_MS, type Minute, readMinutes } from './nezha-minutes.js';
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
 * now and then. Learnt from the minutes outside of faults. Each fault is asked about in its minute, and the percentile of
 * the front end, that is furthest from normal; how often that breaks the objective is reported apart.
 */
export async function nezhaSuite(options: NezhaOptions): Promise<Suite> {
  const { data, system: name } = options;
  const system = SYSTEMS[name];
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
  const asked = faults.map((fault) => ({
    fault,
    asked: ask(fault, { windows, undisturbed, entry, folder }),
  }));

  const { graph, model, training } = await learn(callGraph, undisturbed, options);
  const cases = asked.map(({ fault, asked: { window, percentile, thresholdMs } }): Case => {
    const id = `${name}/${fault.id}`;
    const objective: Objective = { name: 'front', ...entry, percentile, thresholdMs };
    // What is undisturbed is mostly of later: what it was like is taken, when it was is not.
    const later = undisturbed.filter(({ startMs }) => startMs >= fault.startMs);
    const before = undisturbed.filter(({ endMs }) => endMs <= fault.startMs);
    const begin = Math.min(window.startMs, ...before.map(({ startMs }) => startMs));
    const history = [...asIfBefore(later, begin, MINUTE_MS), ...before];
    return {
      id,
      kind: fault.kind,
      observed: { model, graph, history, window, objective, rng: createRng(options.seed).fork(id) },
      truth: () => fault.truth(),
    };
  });
  return {
    name: `nezha ${name}`,
    cases,
    trainings: [training],
    notes: detection(asked, undisturbed, entry),
  };
}

interface Readings {
  readonly windows: readonly Window[];
  readonly undisturbed: readonly Window[];
  readonly entry: Topology['entry'];
  readonly folder: string;
}

function ask(fault: Fault, { windows, undisturbed, entry, folder }: Readings): Asked {
  const during = windows.filter(({ startMs, endMs }) => {
    const middle = (startMs + endMs) / 2;
    return middle >= fault.startMs && middle < fault.endMs;
  });
  const asked = askedWindow(objectiveNode(entry), during, undisturbed);
  if (asked === undefined) {
    throw new DataError(`${folder}/metric/front_service.csv saw no request during the fault of ${fault.id}`);
  }
  return asked;
}

/** How many faults break an objective that undisturbed minutes seldom do, and how often those do. */
function detection(
  asked: readonly { readonly fault: Fault; readonly asked: Asked }[],
  undisturbed: readonly Window[],
  entry: Topology['entry'],
): string[] {
  const node = objectiveNode(entry);
  const kinds = [...new Set(asked.map(({ fault }) => fault.kind))].sort();
  const parts = kinds.map((kind) => {
    const of = asked.filter(({ fault }) => fault.kind === kind);
    const broken = of.filter(({ asked: { observedMs, undisturbedMs } }) => observedMs > undisturbedMs);
    return `${broken.length} of ${of.length} ${kind} faults`;
  });
  // Three minutes of three percentiles are looked at: as many chances as a fault has.
  const alarms = undisturbed.filter((_, index) => {
    const three = askedWindow(node, undisturbed.slice(index, index + 3), undisturbed);
    return three !== undefined && three.observedMs > three.undisturbedMs;
  }).length;
  const share = ((100 * alarms) / Math.max(1, undisturbed.length)).toFixed(1);
  return [
    `detected: ${parts.join(', ')} lift the front end's ${PERCENTILES.map((p) => p.slice(0, 3)).join(', ')} above what 99 % of ${undisturbed.length} undisturbed minutes stay below; so do ${share} % of undisturbed times as long`,
  ];
}
