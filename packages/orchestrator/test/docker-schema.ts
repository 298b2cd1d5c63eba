import { z } from 'zod';

/**
 * What Sage reads and writes of the Docker Engine API, with the names and types of its OpenAPI specification
 * (definitions Service, ServiceSpec, Task, Node, ServiceUpdateResponse, ErrorResponse). Unknown names are refused.
 */

const version = z.strictObject({ Index: z.int() });
const labels = z.record(z.string(), z.string());
const time = z.iso.datetime();

export const serviceSpec = z.strictObject({
  Name: z.string(),
  Labels: labels.optional(),
  TaskTemplate: z.strictObject({
    ContainerSpec: z.strictObject({ Image: z.string(), Env: z.array(z.string()).optional() }),
    Networks: z
      .array(z.strictObject({ Target: z.string(), Aliases: z.array(z.string()).optional() }))
      .optional(),
    ForceUpdate: z.int().optional(),
  }),
  Mode: z.strictObject({
    Replicated: z.strictObject({ Replicas: z.int().optional() }).optional(),
    Global: z.strictObject({}).optional(),
    ReplicatedJob: z
      .strictObject({ MaxConcurrent: z.int().optional(), TotalCompletions: z.int().optional() })
      .optional(),
    GlobalJob: z.strictObject({}).optional(),
  }),
  UpdateConfig: z
    .strictObject({
      Parallelism: z.int(),
      Delay: z.int().optional(),
      FailureAction: z.enum(['continue', 'pause', 'rollback']).optional(),
      Order: z.enum(['stop-first', 'start-first']).optional(),
    })
    .optional(),
  EndpointSpec: z.strictObject({ Mode: z.enum(['vip', 'dnsrr']) }).optional(),
});

export const service = z.strictObject({
  ID: z.string(),
  Version: version,
  CreatedAt: time,
  UpdatedAt: time,
  Spec: serviceSpec,
  ServiceStatus: z
    .strictObject({ RunningTasks: z.int(), DesiredTasks: z.int(), CompletedTasks: z.int().optional() })
    .optional(),
});

const taskState = z.enum([
  'new',
  'allocated',
  'pending',
  'assigned',
  'accepted',
  'preparing',
  'ready',
  'starting',
  'running',
  'complete',
  'shutdown',
  'failed',
  'rejected',
  'remove',
  'orphaned',
]);

export const task = z.strictObject({
  ID: z.string(),
  Version: version,
  CreatedAt: time,
  UpdatedAt: time,
  ServiceID: z.string(),
  Slot: z.int().optional(),
  NodeID: z.string().optional(),
  Status: z.strictObject({
    Timestamp: time,
    State: taskState,
    Message: z.string().optional(),
    ContainerStatus: z
      .strictObject({ ContainerID: z.string(), PID: z.int().optional(), ExitCode: z.int().optional() })
      .optional(),
  }),
  DesiredState: taskState,
  NetworksAttachments: z
    .array(
      z.strictObject({
        Network: z.strictObject({
          ID: z.string(),
          Spec: z.strictObject({ Name: z.string(), Ingress: z.boolean().optional() }),
        }),
        Addresses: z.array(z.string()),
      }),
    )
    .optional(),
});

export const node = z.strictObject({
  ID: z.string(),
  Version: version,
  CreatedAt: time,
  UpdatedAt: time,
  Spec: z.strictObject({
    Role: z.enum(['worker', 'manager']),
    Availability: z.enum(['active', 'pause', 'drain']),
  }),
  Description: z.strictObject({ Hostname: z.string() }),
  Status: z.strictObject({ State: z.enum(['unknown', 'down', 'ready', 'disconnected']) }),
});

export const updateResponse = z.strictObject({ Warnings: z.array(z.string()).nullable() });
export const errorResponse = z.strictObject({ message: z.string() });

export type ServiceJson = z.input<typeof service>;
export type TaskJson = z.input<typeof task>;
export type NodeJson = z.input<typeof node>;
