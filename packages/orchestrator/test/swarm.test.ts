import { join } from 'node:path';
import { expect } from 'chai';
import {
  type Orchestrator,
  type OrchestratorDeps,
  openOrchestrator,
  type SwarmConfig,
} from '../src/index.js';
import { cart, REPLICATED, STACK } from './docker-fixture.js';
import { DockerServer } from './docker-server.js';
import { eventually, refusal, type TestDeps, tempFolder, testDeps, unwrap } from './support.js';

interface Rig {
  readonly server: DockerServer;
  readonly orchestrator: Orchestrator;
  readonly deps: TestDeps;
  readonly socket: string;
}

describe('Docker Swarm', () => {
  const open: Rig[] = [];
  afterEach(async () => {
    for (const { orchestrator, server } of open.splice(0)) {
      await orchestrator.close();
      await server.close();
      expect(server.problems).to.deep.equal([]);
    }
  });

  interface RigOptions {
    readonly before?: (server: DockerServer) => void;
    readonly config?: Partial<SwarmConfig>;
    readonly deps?: Partial<OrchestratorDeps>;
  }

  async function start({ before = cart, config, deps: more }: RigOptions = {}): Promise<Rig> {
    const server = new DockerServer();
    before(server);
    const socket = join(tempFolder(), 'docker.sock');
    await server.listen(socket);
    const deps = testDeps(more);
    const orchestrator = unwrap(
      await openOrchestrator(
        {
          kind: 'swarm',
          url: `unix://${socket}`,
          tls: undefined,
          serviceLabel: undefined,
          pollSeconds: 0.02,
          ...config,
        },
        deps,
      ),
    );
    const rig = { server, orchestrator, deps, socket };
    open.push(rig);
    await eventually(
      'it was polled',
      () => server.requests.filter(({ path }) => path === '/tasks').length > 1,
    );
    return rig;
  }

  const updates = ({ server }: Rig) => server.requests.filter(({ method }) => method === 'POST');

  it('tells service, task, node, container and address', async () => {
    const { orchestrator } = await start();
    const shared = { service: 'cart', containerIds: ['e5d6'.repeat(16)], address: '10.0.1.7' };
    expect(orchestrator.instances()).to.deep.equal([
      { ...shared, replica: 'shop_cart.1.task-a', node: 'node-1' },
      { ...shared, replica: 'shop_cart.2.task-b', node: 'node-2' },
    ]);
  });

  it('follows what starts and ends, and leaves out what is not placed', async () => {
    const { orchestrator, server } = await start();
    server.addTask('shop_cart', 'task-waits', undefined);
    server.addTask('shop_cart', 'task-starts', 'node-1', {
      Status: { Timestamp: '2024-05-01T10:00:00Z', State: 'starting' },
    });
    server.addTask('shop_cart', 'task-old', 'node-1', { DesiredState: 'shutdown' });
    server.addTask('shop_cart', 'task-c', 'node-1');
    await eventually('the third runs', () => orchestrator.instances().length === 3);
    server.tasks.splice(0, 1);
    await eventually('the first is gone', () => orchestrator.instances().length === 2);
    expect(orchestrator.instances().map(({ replica }) => replica)).to.deep.equal([
      'shop_cart.2.task-b',
      'shop_cart.6.task-c',
    ]);
  });

  it('takes the name from a label where one is configured', async () => {
    const { orchestrator } = await start({
      config: { serviceLabel: 'service' },
      before: (server) => {
        server.addNode('node-1');
        server.addService('x1', REPLICATED, { service: 'cart' });
        server.addService('x2', REPLICATED);
        server.addTask('x1', 'a', 'node-1');
        server.addTask('x2', 'b', 'node-1');
      },
    });
    expect(orchestrator.instances().map(({ service }) => service)).to.deep.equal(['cart']);
  });

  it('says once that nothing answers, keeps what it knows, and goes on', async () => {
    const { orchestrator, server, deps } = await start();
    server.fail(() => true, 503, 'This node is not a swarm manager.', 20);
    await eventually('it is said', () => deps.lines.length > 0);
    expect(orchestrator.instances()).to.have.length(2);
    await eventually('it answers', () => deps.lines.length === 2);
    expect(deps.lines[0]).to.match(/^the swarm cannot be read; .* not a swarm manager/);
    expect(deps.lines[1]).to.equal('the swarm answers again');
  });

  it('goes on when the engine was restarted', async () => {
    const { orchestrator, server, deps, socket } = await start();
    await server.close();
    await eventually('it is said', () => deps.lines.length > 0);
    const next = new DockerServer();
    cart(next);
    next.addTask('shop_cart', 'task-new', 'node-1');
    await next.listen(socket);
    try {
      await eventually('it is known', () => orchestrator.instances().length === 3);
    } finally {
      await orchestrator.close();
      await next.close();
    }
  });

  it('says how many there are, how many run, and how far it may go', async () => {
    const { orchestrator } = await start({ deps: { bounds: () => ({ min: 1, max: 4 }) } });
    expect(unwrap(await orchestrator.scaleState('cart'))).to.deep.equal({
      service: 'cart',
      orchestrator: 'swarm',
      workload: 'service shop_cart',
      replicas: 2,
      ready: 2,
      min: 1,
      max: 4,
    });
  });

  it('changes the number and nothing else of the service', async () => {
    const rig = await start();
    const before = structuredClone(rig.server.service('shop_cart').Spec);
    expect(unwrap(await rig.orchestrator.scale('cart', 5)).replicas).to.equal(5);
    expect(rig.server.service('shop_cart').Spec).to.deep.equal({
      ...before,
      Mode: { Replicated: { Replicas: 5 } },
    });
    expect(updates(rig)[0]?.query.toString()).to.equal('version=10');
  });

  it('writes nothing where it is so already', async () => {
    const rig = await start();
    unwrap(await rig.orchestrator.scale('cart', 2));
    expect(updates(rig)).to.deep.equal([]);
  });

  it('writes again what a change of something else made out of sequence', async () => {
    const rig = await start();
    let left = 2;
    rig.server.fail(
      ({ method }) => {
        if (method === 'POST' && left-- > 0) rig.server.service('shop_cart').Version.Index++;
        return false;
      },
      500,
      '',
    );
    unwrap(await rig.orchestrator.scale('cart', 5));
    expect(rig.server.service('shop_cart').Spec.Mode).to.deep.equal({ Replicated: { Replicas: 5 } });
    expect(updates(rig)).to.have.length(3);
  });

  it('leaves it to somebody else who scales it at the same time', async () => {
    const rig = await start();
    rig.server.fail(
      ({ method }) => {
        const found = rig.server.service('shop_cart');
        if (method === 'POST') found.Version.Index++;
        if (method === 'POST') found.Spec = { ...found.Spec, Mode: { Replicated: { Replicas: 3 } } };
        return false;
      },
      500,
      '',
    );
    expect(refusal(await rig.orchestrator.scale('cart', 5))).to.equal(
      'conflict: somebody else scaled service shop_cart from 2 to 3 meanwhile',
    );
  });

  const isUpdate = ({ method }: { readonly method: string }) => method === 'POST';
  const refused: [string, string, number, (server: DockerServer) => void, RegExp][] = [
    ['an unknown service', 'nobody', 2, cart, /^not-found: the swarm has no service nobody$/],
    ['too many', 'cart', 11, cart, /^out-of-bounds: 11 replicas of cart: expected at most 10$/],
    ['too few', 'cart', 0, cart, /^out-of-bounds: .* at least 1$/],
    [
      'a global service',
      'agent',
      2,
      (server) => server.addService('agent', { Global: {} }),
      /^unsupported: the service agent has the mode Global, which has no number of replicas$/,
    ],
    [
      'a job',
      'job',
      2,
      (server) => server.addService('job', { ReplicatedJob: { MaxConcurrent: 1 } }),
      /^unsupported: .* the mode ReplicatedJob/,
    ],
    [
      'a service of two stacks',
      'cart',
      2,
      (server) => {
        server.addService('shop_cart', REPLICATED, STACK);
        server.addService('test_cart', REPLICATED, { 'com.docker.stack.namespace': 'test' });
      },
      /^unsupported: cart may be shop_cart and test_cart: name a label/,
    ],
    [
      'what a proxy forbids',
      'cart',
      3,
      (server) => {
        cart(server);
        server.fail(isUpdate, 403, 'forbidden', 9);
      },
      /^unauthorized: POST \/services\/\{id\}\/update: .*403.*; allow Sage POST \/services\/\{id\}\/update$/,
    ],
    [
      'what the engine refuses',
      'cart',
      3,
      (server) => {
        cart(server);
        server.fail(isUpdate, 400, 'invalid spec', 9);
      },
      /^not-allowed: .*invalid spec/,
    ],
    [
      'an engine that fails',
      'cart',
      3,
      (server) => {
        cart(server);
        server.fail(isUpdate, 500, 'the swarm has no leader', 9);
      },
      /^unreachable: .*no leader/,
    ],
    [
      'conflicts that do not end',
      'cart',
      3,
      (server) => {
        cart(server);
        server.fail(isUpdate, 409, 'conflict', 99);
      },
      /^conflict: /,
    ],
  ];
  for (const [what, service, replicas, before, expected] of refused) {
    it(`refuses ${what}`, async () => {
      const rig = await start({ before });
      const present = JSON.stringify(rig.server.services.map(({ Spec }) => Spec));
      expect(refusal(await rig.orchestrator.scale(service, replicas))).to.match(expected);
      expect(JSON.stringify(rig.server.services.map(({ Spec }) => Spec))).to.equal(present);
    });
  }

  it('scales nothing that the configuration does not name', async () => {
    const rig = await start({ deps: { bounds: () => undefined } });
    expect(unwrap(await rig.orchestrator.scaleState('cart'))).to.deep.include({ min: 2, max: 2 });
    expect(refusal(await rig.orchestrator.scale('cart', 3))).to.equal(
      'not-allowed: the configuration does not let cart be scaled',
    );
    expect(updates(rig)).to.deep.equal([]);
  });
});
