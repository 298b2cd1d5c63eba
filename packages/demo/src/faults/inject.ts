import type { Logger, Outcome, Resource } from '@sage/core';
import { errorMessage, failure, success } from '@sage/core';
import type { Application, RunningComponent } from '../application/index.js';
import { startCpuFault } from './cpu-fault.js';
import type { Fault, FaultKind } from './fault.js';
import { startNetworkFault } from './network-fault.js';
import { startPoolFault } from './pool-fault.js';

export interface InjectOptions {
  readonly log: Logger;
  readonly fetch?: typeof globalThis.fetch;
}

/** What was done, and its undoing. */
export interface Injected {
  /** In plain words, as done on this ground. */
  readonly means: string;
  undo(): Promise<void>;
}

export interface ActiveFault extends Fault {
  /** What a right diagnosis names. */
  readonly resource: Resource;
  readonly means: string;
  /** Ends the fault, whatever an actuator did meanwhile. Idempotent; a component that is gone has no fault left. */
  end(): Promise<void>;
}

const RESOURCES: Record<FaultKind, Resource> = { cpu: 'cpu', network: 'network', pool: 'software' };

/** Makes the fault real, at once and until `end`. */
export async function injectFault(
  application: Application,
  fault: Fault,
  options: InjectOptions,
): Promise<Outcome<ActiveFault, 'options' | 'inject'>> {
  const component = application.components.find((one) => one.name === fault.service);
  if (component === undefined) {
    const names = application.components.map((one) => one.name).join(', ');
    return failure('options', `no component is called ${fault.service}; there are: ${names}`);
  }
  try {
    const injected = await start(fault.kind, application, component, options.fetch ?? globalThis.fetch);
    let ended: Promise<void> | undefined;
    return success({
      ...fault,
      resource: RESOURCES[fault.kind],
      means: injected.means,
      end: () => {
        ended ??= injected.undo().catch((error: unknown) => {
          options.log.warn('the fault could not be undone', { ...fault, error: errorMessage(error) });
        });
        return ended;
      },
    });
  } catch (error) {
    return failure('inject', `${fault.kind}@${fault.service}: ${errorMessage(error)}`);
  }
}

function start(
  kind: FaultKind,
  application: Application,
  component: RunningComponent,
  fetch: typeof globalThis.fetch,
): Promise<Injected> {
  switch (kind) {
    case 'cpu':
      return startCpuFault(application, component, fetch);
    case 'network':
      return startNetworkFault(application, component, fetch);
    case 'pool':
      return startPoolFault(component, fetch);
  }
}
