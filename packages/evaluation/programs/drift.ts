/**
 * How often a change is seen that is none, and how soon one that is:
 *
 *     node packages/evaluation/dist/programs/drift.js [topology] [windows] [other runs] [times as much]
 *
 * A model learns from a run of 1,440 windows of 30 s with ordinary disturbances in it. Then it is held against other runs
 * with other seeds, window by window: whatever it takes for a change is a false alarm. Last, each service computes five
 * times as much from one run's beginning on.
 */
import type { Window } from '@sage/core';
import { fitModel, planRetraining } from '@sage/gvae';
import { editTopology } from '@sage/simulator';
import { topologyOf } from '../src/suites/simulated-world.js';
import { simulatedTraining } from './simulated-training.js';

const [name = 'social-network', count = '1440', others = '4', times = '5'] = process.argv.slice(2);
const FIRST_SEED = 1;
/** Drift is read off so many windows, and a change of all of them is to be seen by then. */
const LOOKED_AT = 60;

const topology = topologyOf(name);
const learnt = await simulatedTraining(topology, { trainWindows: Number(count), seed: FIRST_SEED });
const model = await fitModel(learnt.graph, learnt.windows, { seed: FIRST_SEED });
let checks = 0;
const alarms: string[] = [];
for (let seed = FIRST_SEED + 1; seed <= FIRST_SEED + Number(others); seed++) {
  const { windows } = await simulatedTraining(topology, { trainWindows: Number(count), seed });
  for (let end = LOOKED_AT; end <= windows.length; end++) {
    const { kind, services, loads } = planRetraining(
      model,
      learnt.graph,
      windows.slice(end - LOOKED_AT, end),
    );
    checks++;
    if (kind !== 'none')
      alarms.push(`seed ${seed} at ${end}: ${kind} ${(loads.length > 0 ? loads : services).join(', ')}`);
  }
}
console.log(`${name}: ${alarms.length} of ${checks} checks took something for a change that was none`);
for (const alarm of alarms.slice(0, 20)) console.log(`  ${alarm}`);

for (const { name: service, label } of topology.services) {
  const slower = editTopology(topology, [{ edit: 'scaleWork', name: service, cpu: Number(times) }]);
  const { windows } = await simulatedTraining(slower, { trainWindows: LOOKED_AT, seed: FIRST_SEED + 1 });
  console.log(`${service}, ${times} times as much: ${seenAfter(windows, label)}`);
}

function seenAfter(windows: readonly Window[], service: string): string {
  for (let end = 1; end <= windows.length; end++) {
    const { kind, services } = planRetraining(model, learnt.graph, windows.slice(0, end));
    if (kind === 'drift') {
      const others = services.length - (services.includes(service) ? 1 : 0);
      return `seen after ${end} windows${services.includes(service) ? '' : ', not in it'}, in ${others} others`;
    }
  }
  return 'not seen';
}
