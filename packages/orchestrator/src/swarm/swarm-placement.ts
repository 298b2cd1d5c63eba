import type { Instance } from '@sage/core';
import type { Service } from 'dockerode';

/** Of `GET /tasks`, what is read of it. */
export interface SwarmTask {
  readonly ID: string;
  readonly ServiceID?: string;
  /** Absent for tasks of global services. */
  readonly Slot?: number;
  /** Absent until it is assigned. */
  readonly NodeID?: string;
  readonly Status?: { readonly State?: string; readonly ContainerStatus?: { readonly ContainerID?: string } };
  readonly NetworksAttachments?: readonly SwarmAttachment[] | null;
}

interface SwarmAttachment {
  readonly Network?: { readonly Spec?: { readonly Ingress?: boolean } };
  /** With the length of the prefix: `10.0.1.7/24`. */
  readonly Addresses?: readonly string[];
}

/** Of `GET /nodes`. */
export interface SwarmNode {
  readonly ID: string;
  readonly Description?: { readonly Hostname?: string };
}

export interface SwarmState {
  readonly services: readonly Service[];
  readonly tasks: readonly SwarmTask[];
  readonly nodes: readonly SwarmNode[];
}

export interface ServiceRef {
  readonly id: string;
  /** As Docker has it, with the name of its stack. */
  readonly fullName: string;
}

export interface SwarmPlacement {
  /** Sorted by service and replica. */
  readonly instances: readonly Instance[];
  /** More than one of a name: it is not clear which of them is meant. */
  readonly services: ReadonlyMap<string, readonly ServiceRef[]>;
}

const STACK = 'com.docker.stack.namespace';

export function swarmPlacement(
  { services, tasks, nodes }: SwarmState,
  serviceLabel: string | undefined,
): SwarmPlacement {
  const byName = new Map<string, ServiceRef[]>();
  const named = new Map<string, ServiceRef & { readonly service: string }>();
  for (const each of services) {
    const service = serviceName(each, serviceLabel);
    if (service === undefined) continue;
    const ref = { id: each.ID, fullName: each.Spec?.Name ?? each.ID };
    byName.set(service, [...(byName.get(service) ?? []), ref]);
    named.set(each.ID, { ...ref, service });
  }
  const hosts = new Map(nodes.map(({ ID, Description }) => [ID, Description?.Hostname ?? ID]));
  const instances = tasks.flatMap((task): Instance[] => {
    const of = named.get(task.ServiceID ?? '');
    const node = hosts.get(task.NodeID ?? '');
    if (of === undefined || node === undefined || task.Status?.State !== 'running') return [];
    const container = task.Status.ContainerStatus?.ContainerID;
    return [
      {
        service: of.service,
        // The name of the container, and so of its series in cAdvisor.
        replica: `${of.fullName}.${task.Slot ?? task.NodeID}.${task.ID}`,
        node,
        containerIds: container === undefined || container === '' ? [] : [container],
        address: addressOf(task),
      },
    ];
  });
  instances.sort((a, b) => order(a.service, b.service) || order(a.replica, b.replica));
  return { instances, services: byName };
}

/** `shop_cart` of the stack `shop` → `cart`. */
function serviceName({ Spec }: Service, serviceLabel: string | undefined): string | undefined {
  const labels = Spec?.Labels ?? {};
  if (serviceLabel !== undefined) return labels[serviceLabel] || undefined;
  const prefix = `${labels[STACK]}_`;
  const name = Spec?.Name ?? '';
  return (
    (labels[STACK] !== undefined && name.startsWith(prefix) ? name.slice(prefix.length) : name) || undefined
  );
}

function addressOf({ NetworksAttachments }: SwarmTask): string | undefined {
  const inner = NetworksAttachments?.find(({ Network }) => Network?.Spec?.Ingress !== true);
  return inner?.Addresses?.[0]?.replace(/\/\d+$/, '');
}

function order(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
