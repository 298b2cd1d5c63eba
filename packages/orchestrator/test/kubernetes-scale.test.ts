import { writeFileSync } from 'node:fs';
import { expect } from 'chai';
import { autoscaler, deployCart, pod, replicaSet } from './kubernetes-fixture.js';
import { type KubernetesRig, type KubernetesRigOptions, kubernetesRigs } from './kubernetes-rig.js';
import type { KubernetesServer } from './kubernetes-server.js';
import { eventually, refusal, unwrap } from './support.js';

const CART = 'shop/deployments/cart';
const SCALE = '/apis/apps/v1/namespaces/shop/deployments/cart/scale';
const AUTOSCALERS = '/apis/autoscaling/v2/namespaces/shop/horizontalpodautoscalers';

describe('Kubernetes: scaling', () => {
  const startRig = kubernetesRigs();

  async function start(options: KubernetesRigOptions = {}): Promise<KubernetesRig> {
    const rig = await startRig({ before: (server) => deployCart(server, 2), ...options });
    await eventually('the watch is there', () => rig.server.watching > 0);
    return rig;
  }

  const writes = ({ server }: KubernetesRig) => server.requests.filter(({ method }) => method !== 'GET');

  it('says how many there are, how many are ready, and how far it may go', async () => {
    const rig = await start({
      before: (server) => {
        deployCart(server, 3);
        server.putPod(pod({ name: 'cart-77d9-2', ready: false }));
      },
      deps: { bounds: (service) => ({ min: 2, max: service === 'cart' ? 6 : 1 }) },
    });
    expect(unwrap(await rig.orchestrator.scaleState('cart'))).to.deep.equal({
      service: 'cart',
      orchestrator: 'kubernetes',
      workload: 'Deployment shop/cart',
      replicas: 3,
      ready: 2,
      min: 2,
      max: 6,
    });
  });

  it('writes the number with the version that it read', async () => {
    const rig = await start();
    const scaled = unwrap(await rig.orchestrator.scale('cart', 4));
    expect(scaled).to.deep.include({ replicas: 4, ready: 2 });
    expect(rig.server.replicas(CART)).to.equal(4);
    const [write] = writes(rig);
    expect(write).to.deep.include({ method: 'PUT', path: SCALE });
    expect(write?.body).to.have.nested.property('metadata.resourceVersion');
    expect(write?.body).to.deep.include({ spec: { replicas: 4 } });
  });

  it('writes nothing where it is so already', async () => {
    const rig = await start();
    expect(unwrap(await rig.orchestrator.scale('cart', 2))).to.deep.include({ replicas: 2 });
    expect(writes(rig)).to.deep.equal([]);
  });

  it('scales a StatefulSet, and a ReplicaSet without a Deployment', async () => {
    const rig = await start({
      before: (server) => {
        server.putPod(
          pod({ name: 'db-0', labels: { app: 'db' }, owner: { kind: 'StatefulSet', name: 'db' } }),
        );
        server.setReplicas('shop/statefulsets/db', 1);
        server.putPod(
          pod({ name: 'old-1', labels: { app: 'old' }, owner: { kind: 'ReplicaSet', name: 'old' } }),
        );
        server.putReplicaSet(replicaSet('old'));
        server.setReplicas('shop/replicasets/old', 1);
      },
    });
    expect(unwrap(await rig.orchestrator.scale('db', 2))).to.deep.include({
      workload: 'StatefulSet shop/db',
    });
    expect(unwrap(await rig.orchestrator.scale('old', 3))).to.deep.include({
      workload: 'ReplicaSet shop/old',
    });
    expect(rig.server.replicas('shop/statefulsets/db')).to.equal(2);
    expect(rig.server.replicas('shop/replicasets/old')).to.equal(3);
  });

  it('finds the Deployment during a rollout, when one ReplicaSet is gone', async () => {
    const rig = await start({
      before: (server) => {
        const labels = { app: 'cart', 'pod-template-hash': '11aa' };
        server.putPod(pod({ name: 'cart-11aa-0', labels, owner: { kind: 'ReplicaSet', name: 'cart-11aa' } }));
        deployCart(server, 1);
      },
    });
    expect(unwrap(await rig.orchestrator.scale('cart', 3)).workload).to.equal('Deployment shop/cart');
  });

  const refused: [string, string, number, (server: KubernetesServer) => void, RegExp][] = [
    ['an unknown service', 'nobody', 2, () => {}, /^not-found: no pod is of the service nobody$/],
    ['too many', 'cart', 11, (server) => deployCart(server, 2), /^out-of-bounds: 11 .* at most 10$/],
    ['too few', 'cart', 0, (server) => deployCart(server, 2), /^out-of-bounds: 0 .* at least 1$/],
    ['a half', 'cart', 2.5, (server) => deployCart(server, 2), /^out-of-bounds: .* a whole number$/],
    [
      'a DaemonSet',
      'agent',
      2,
      (server) =>
        server.putPod(
          pod({ name: 'agent-x', labels: { app: 'agent' }, owner: { kind: 'DaemonSet', name: 'agent' } }),
        ),
      /^unsupported: agent is run by the DaemonSet shop\/agent, whose number/,
    ],
    [
      'what a custom resource runs',
      'cart',
      2,
      (server) => {
        deployCart(server, 1);
        server.putReplicaSet(replicaSet('cart-77d9', { kind: 'Rollout', name: 'cart' }));
      },
      /^unsupported: cart is run by the Rollout shop\/cart/,
    ],
    [
      'a service of two workloads',
      'cart',
      2,
      (server) => {
        deployCart(server, 1);
        server.putPod(
          pod({ name: 'canary', labels: { app: 'cart' }, owner: { kind: 'StatefulSet', name: 'canary' } }),
        );
      },
      /^unsupported: cart is run by ReplicaSet shop\/cart and StatefulSet shop\/canary: name a label/,
    ],
    [
      'a Deployment that is gone',
      'cart',
      2,
      (server) => {
        server.putReplicaSet(replicaSet('cart-77d9', { kind: 'Deployment', name: 'cart' }));
        server.putPod(pod({ name: 'cart-77d9-0' }));
      },
      /^not-found: cannot get deployments\/scale in shop: status 404/,
    ],
    [
      'what a policy denies',
      'cart',
      3,
      (server) => {
        deployCart(server, 2);
        const message = 'admission webhook "quota.example" denied the request: no more than 2';
        server.fail(({ method }) => method === 'PUT', 403, { message });
      },
      /^not-allowed: .*quota\.example/,
    ],
    [
      'what is not granted',
      'cart',
      3,
      (server) => {
        deployCart(server, 2);
        server.fail(({ method }) => method === 'PUT', 403, { message: 'no', times: 9 });
      },
      /^unauthorized: cannot update deployments\/scale in shop: status 403: no; grant the verb "update" on "deployments\/scale" of the API group "apps" in the namespace shop to/,
    ],
    [
      'autoscalers that may not be seen',
      'cart',
      3,
      (server) => {
        deployCart(server, 2);
        server.fail(({ path }) => path === AUTOSCALERS, 403, { times: 9 });
      },
      /^unauthorized: .*the verb "list" on "horizontalpodautoscalers" of the API group "autoscaling"/,
    ],
    [
      'a token that nobody renews',
      'cart',
      3,
      (server) => {
        deployCart(server, 2);
        server.fail(({ method }) => method === 'PUT', 401, { times: 9 });
      },
      /^unauthorized: .* the credentials are not accepted$/,
    ],
    [
      'more patience than it has',
      'cart',
      3,
      (server) => {
        deployCart(server, 2);
        server.fail(({ method }) => method === 'PUT', 429, { headers: { 'retry-after': '60' } });
      },
      /^throttled: /,
    ],
    [
      'a server that fails for good',
      'cart',
      3,
      (server) => {
        deployCart(server, 2);
        server.fail(({ path }) => path === SCALE, 503, { times: 99 });
      },
      /^unreachable: cannot get deployments\/scale in shop: status 503/,
    ],
  ];
  for (const [what, service, replicas, before, expected] of refused) {
    it(`refuses ${what}`, async () => {
      const rig = await start({ before });
      const number = rig.server.replicas(CART);
      expect(refusal(await rig.orchestrator.scale(service, replicas))).to.match(expected);
      expect(rig.server.replicas(CART)).to.equal(number);
    });
  }

  it('writes again what a change of something else made a conflict', async () => {
    const rig = await start();
    let left = 2;
    rig.server.fail(({ method }) => {
      if (method === 'PUT' && left-- > 0) rig.server.touch(CART);
      return false;
    }, 500);
    expect(unwrap(await rig.orchestrator.scale('cart', 4)).replicas).to.equal(4);
    expect(writes(rig)).to.have.length(3);
  });

  it('leaves it to somebody else who scales it at the same time', async () => {
    const rig = await start();
    rig.server.fail(({ method }) => {
      if (method === 'PUT') rig.server.setReplicas(CART, 5);
      return false;
    }, 500);
    expect(refusal(await rig.orchestrator.scale('cart', 4))).to.equal(
      'conflict: somebody else scaled Deployment shop/cart from 2 to 5 meanwhile',
    );
    expect(rig.server.replicas(CART)).to.equal(5);
  });

  it('gives up on conflicts that do not end', async () => {
    const rig = await start();
    rig.server.fail(({ method }) => method === 'PUT', 409, { times: 99 });
    expect(refusal(await rig.orchestrator.scale('cart', 4))).to.match(/^conflict: /);
    expect(writes(rig)).to.have.length(5);
  });

  it('waits as the server wishes, tries again what failed, and renews its token', async () => {
    const rig = await start();
    rig.server.fail(({ method }) => method === 'PUT', 429, { headers: { 'retry-after': '1' } });
    rig.server.fail(({ method }) => method === 'PUT', 500);
    rig.server.tokens.clear();
    rig.server.tokens.add('token-2');
    writeFileSync(rig.tokenFile, 'token-2');
    const beganMs = Date.now();
    expect(unwrap(await rig.orchestrator.scale('cart', 4)).replicas).to.equal(4);
    expect(Date.now() - beganMs).to.be.greaterThan(950);
    expect(writes(rig)).to.have.length(3);
  });

  describe('with an autoscaler', () => {
    const started = (sketch: Parameters<typeof autoscaler>[0]) =>
      start({
        before: (server) => {
          deployCart(server, 4);
          server.putAutoscaler(autoscaler({ target: { kind: 'StatefulSet', name: 'cart' } }));
          server.putAutoscaler(autoscaler(sketch));
        },
      });
    const minimum = ({ server }: KubernetesRig) => server.autoscaler('shop/cart')?.spec?.minReplicas;
    const notes = ({ server }: KubernetesRig) => server.autoscaler('shop/cart')?.metadata?.annotations;

    it('says its bounds and stays inside them', async () => {
      const rig = await started({ min: 2, max: 8 });
      expect(unwrap(await rig.orchestrator.scaleState('cart'))).to.deep.include({
        replicas: 4,
        max: 8,
        autoscaler: { name: 'cart', min: 2, max: 8 },
      });
      expect(refusal(await rig.orchestrator.scale('cart', 9))).to.equal(
        'out-of-bounds: 9 replicas of cart: the autoscaler cart allows at most 8',
      );
    });

    it('raises its lower bound instead of the number, and gives back the bound that was there', async () => {
      const rig = await started({ min: 2 });
      expect(unwrap(await rig.orchestrator.scale('cart', 5)).replicas).to.equal(5);
      expect(unwrap(await rig.orchestrator.scale('cart', 6))).to.deep.include({
        replicas: 6,
        autoscaler: { name: 'cart', min: 2, max: 8 },
      });
      expect(minimum(rig)).to.equal(6);
      expect(rig.server.replicas(CART), 'the number is the business of the autoscaler').to.equal(4);
      expect(unwrap(await rig.orchestrator.scale('cart', 5)).replicas).to.equal(5);
      expect(minimum(rig)).to.equal(5);
      unwrap(await rig.orchestrator.scale('cart', 4));
      expect(minimum(rig)).to.equal(2);
      expect(notes(rig), 'nothing of Sage is left').to.deep.equal({ team: 'checkout' });
      expect(writes(rig).every(({ method }) => method === 'PATCH')).to.equal(true);
    });

    it('writes once what is asked twice', async () => {
      const rig = await started({ min: 2 });
      unwrap(await rig.orchestrator.scale('cart', 6));
      unwrap(await rig.orchestrator.scale('cart', 6));
      expect(writes(rig)).to.have.length(1);
    });

    it('knows the way back after a crash, and with a bound that was not given', async () => {
      const rig = await started({});
      unwrap(await rig.orchestrator.scale('cart', 6));
      const note = notes(rig)?.['sage/raised-min-replicas'];
      expect(JSON.parse(note ?? '')).to.deep.equal({ min: 1, replicas: 4, raisedTo: 6 });
      const second = await start({
        before: (server) => {
          deployCart(server, 6);
          server.putAutoscaler(
            autoscaler({ min: 6, annotations: { 'sage/raised-min-replicas': note ?? '' } }),
          );
        },
      });
      unwrap(await second.orchestrator.scale('cart', 4));
      expect(minimum(second)).to.equal(1);
    });

    it('leaves scaling in to it', async () => {
      const rig = await started({ min: 2 });
      expect(refusal(await rig.orchestrator.scale('cart', 3))).to.match(
        /^not-allowed: the autoscaler cart decides when fewer than 4 are enough/,
      );
    });

    it('does not take back a bound that somebody else has set since', async () => {
      const rig = await started({
        min: 5,
        annotations: { 'sage/raised-min-replicas': '{"min":2,"replicas":4,"raisedTo":6}' },
      });
      expect(refusal(await rig.orchestrator.scale('cart', 4))).to.match(/^not-allowed: /);
      expect(minimum(rig)).to.equal(5);
    });

    it('leaves one alone that something else manages', async () => {
      const rig = await started({ min: 2, owner: { kind: 'ScaledObject', name: 'cart' } });
      expect(refusal(await rig.orchestrator.scale('cart', 6))).to.match(
        /^not-allowed: the autoscaler cart is managed by the ScaledObject shop\/cart/,
      );
    });

    it('leaves switched off what is switched off', async () => {
      const rig = await started({ min: 2 });
      rig.server.setReplicas(CART, 0);
      expect(refusal(await rig.orchestrator.scale('cart', 6))).to.match(/^not-allowed: .* is switched off/);
    });

    it('writes again what a change of something else made a conflict', async () => {
      const rig = await started({ min: 2 });
      let left = 1;
      rig.server.fail(({ method }) => {
        if (method === 'PATCH' && left-- > 0)
          rig.server.putAutoscaler(autoscaler({ min: 2, annotations: { a: 'b' } }));
        return false;
      }, 500);
      unwrap(await rig.orchestrator.scale('cart', 6));
      expect(minimum(rig)).to.equal(6);
      expect(notes(rig)).to.include({ a: 'b' });
    });
  });
});
