import { type Action, failure, type ScaleState, silentLogger, success } from '@sage/core';
import type { Orchestrator, ScaleFailure } from '@sage/orchestrator';
import { expect } from 'chai';
import { Executor } from '../src/acting/executor.js';

const ACTION: Action = { kind: 'scale', target: 'cart', replicas: 4 };
const PLAN = {
  objective: 'front',
  service: 'cart',
  resource: 'cpu',
  actions: [{ node: 'kubernetes', action: ACTION, reason: '' }],
  recommendations: [],
} as const;

interface World {
  readonly replicas: number;
  readonly autoscaler?: ScaleState['autoscaler'];
  /** What asking for the state, or for another number, answers instead. */
  readonly stateFails?: ScaleFailure;
  readonly scaleFails?: ScaleFailure;
}

function world({ replicas, autoscaler, stateFails, scaleFails }: World) {
  const asked: number[] = [];
  const state = (count: number) =>
    success<ScaleState>({
      service: 'cart',
      orchestrator: 'kubernetes',
      workload: 'Deployment shop/cart',
      replicas: count,
      ready: count,
      min: 1,
      max: 10,
      ...(autoscaler === undefined ? {} : { autoscaler }),
    });
  const orchestrator: Orchestrator = {
    name: 'kubernetes',
    instances: () => [],
    scaleState: async () => (stateFails === undefined ? state(replicas) : failure(stateFails, stateFails)),
    scale: async (_service, count) => {
      asked.push(count);
      return scaleFails === undefined ? state(count) : failure(scaleFails, scaleFails);
    },
    close: async () => {},
  };
  const counted: string[] = [];
  const executor = new Executor({
    agents: () => [],
    orchestrator,
    leaseSeconds: () => 600,
    logger: silentLogger,
    count: (action, outcome) => counted.push(`${action} ${outcome}`),
  });
  return { executor, asked, counted };
}

const HPA = { name: 'cart', min: 2, max: 8 };

describe('scaling', () => {
  const OUT: readonly [name: string, World, before: number | null, status: string, asked: number[]][] = [
    ['as planned', { replicas: 2 }, 2, 'applied', [4]],
    ['done before a crash', { replicas: 4 }, 2, 'applied', []],
    ['somebody else was there first', { replicas: 3 }, 2, 'refused', []],
    ['somebody else has more by now', { replicas: 6 }, 2, 'refused', []],
    ['nobody knows how many there were', { replicas: 2 }, null, 'refused', []],
    ['an autoscaler moves meanwhile', { replicas: 3, autoscaler: HPA }, 2, 'applied', [4]],
    ['an autoscaler has gone further', { replicas: 6, autoscaler: HPA }, 2, 'refused', []],
    ['the service is gone', { replicas: 2, stateFails: 'not-found' }, 2, 'refused', []],
    ['it is not allowed', { replicas: 2, scaleFails: 'not-allowed' }, 2, 'refused', [4]],
    ['it is out of bounds', { replicas: 2, scaleFails: 'out-of-bounds' }, 2, 'refused', [4]],
    ['it is not supported', { replicas: 2, scaleFails: 'unsupported' }, 2, 'refused', [4]],
    ['the API is throttled', { replicas: 2, scaleFails: 'throttled' }, 2, 'failed', [4]],
    ['a conflict stays', { replicas: 2, scaleFails: 'conflict' }, 2, 'failed', [4]],
    ['credentials have ended', { replicas: 2, stateFails: 'unauthorized' }, 2, 'failed', []],
    ['nobody answers', { replicas: 2, stateFails: 'unreachable' }, 2, 'failed', []],
  ];
  for (const [name, of, replicasBefore, status, asked] of OUT) {
    it(`out, ${name}: ${status}`, async () => {
      const { executor, asked: wanted, counted } = world(of);
      const [done] = await executor.execute(PLAN, { incident: 'i', step: 1, replicasBefore });
      expect(done?.outcome.status, done?.outcome.message).to.equal(status);
      expect(wanted).to.deep.equal(asked);
      expect(counted).to.deep.equal([`scale ${status}`]);
    });
  }

  const BACK: readonly [name: string, World, before: number | null, released: boolean, asked: number[]][] = [
    ['as it was', { replicas: 4 }, 2, true, [2]],
    ['somebody has changed it since', { replicas: 5 }, 2, true, []],
    ['under an autoscaler', { replicas: 5, autoscaler: HPA }, 2, true, [2]],
    ['nobody knows how many there were', { replicas: 4 }, null, true, []],
    ['the service is gone', { replicas: 4, stateFails: 'not-found' }, 2, true, []],
    ['nobody answers', { replicas: 4, stateFails: 'unreachable' }, 2, false, []],
    ['the API is throttled', { replicas: 4, scaleFails: 'throttled' }, 2, false, [2]],
  ];
  for (const [name, of, replicasBefore, released, asked] of BACK) {
    it(`back, ${name}: ${released ? 'released' : 'to be tried again'}`, async () => {
      const { executor, asked: wanted } = world(of);
      const done = await executor.release({
        node: 'kubernetes',
        actionId: 'i-1',
        action: ACTION,
        service: 'cart',
        resource: 'cpu',
        leaseEndsMs: null,
        replicasBefore,
      });
      expect(done.ok).to.equal(released);
      expect(wanted).to.deep.equal(asked);
    });
  }

  it('without an orchestrator is refused', async () => {
    const options = { agents: () => [], leaseSeconds: () => 600, logger: silentLogger, count: () => {} };
    const executor = new Executor({ ...options, orchestrator: undefined });
    const [done] = await executor.execute(PLAN, { incident: 'i', step: 1, replicasBefore: 2 });
    expect(done?.outcome).to.include({ status: 'refused', message: 'no orchestrator is configured' });
  });
});
