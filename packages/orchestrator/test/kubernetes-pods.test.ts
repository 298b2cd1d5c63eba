import { writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { expect } from 'chai';
import { type KubernetesConfig, openOrchestrator } from '../src/index.js';
import { CONTAINER_ID, deployCart, kubeconfig, pod } from './kubernetes-fixture.js';
import { kubernetesRigs } from './kubernetes-rig.js';
import { schemaProblems } from './kubernetes-schema.js';
import type { KubernetesServer } from './kubernetes-server.js';
import { eventually, refusal, tempFolder, testDeps } from './support.js';

const PODS = '/api/v1/pods';

describe('Kubernetes: where services run', () => {
  const start = kubernetesRigs();

  const replicas = (rig: Awaited<ReturnType<typeof start>>) =>
    rig.orchestrator.instances().map(({ service, replica, node }) => `${service} ${replica} ${node}`);

  it('tells service, pod, node, containers and address', async () => {
    const rig = await start({ before: (server) => deployCart(server, 1) });
    expect(rig.orchestrator.instances(), 'before the first answer').to.deep.equal([]);
    await eventually('a pod is known', () => rig.orchestrator.instances().length === 1);
    expect(rig.orchestrator.instances()).to.deep.equal([
      {
        service: 'cart',
        replica: 'cart-77d9-0',
        node: 'node-1',
        containerIds: [CONTAINER_ID],
        address: '10.0.0.7',
      },
    ]);
  });

  it('follows what starts, moves and ends', async () => {
    const rig = await start({ before: (server) => deployCart(server, 1) });
    await eventually('the watch is there', () => rig.server.watching === 1);
    rig.server.putPod(pod({ name: 'cart-77d9-new', node: null }));
    rig.server.putPod(pod({ name: 'cart-77d9-other', node: 'node-9' }));
    await eventually('the second is placed', () => replicas(rig).includes('cart cart-77d9-other node-9'));
    expect(replicas(rig), 'without a node it is not placed').to.have.length(2);
    rig.server.putPod(pod({ name: 'cart-77d9-new', node: 'node-2' }));
    await eventually('the third is placed', () => replicas(rig).includes('cart cart-77d9-new node-2'));
    rig.server.putPod(pod({ name: 'cart-77d9-0', ending: true }));
    await eventually('what ends is left out', () => replicas(rig).length === 2);
    rig.server.deletePod('uid-shop-cart-77d9-other');
    await eventually('what is gone is left out', () => replicas(rig).length === 1);
    expect(rig.requests().filter((request) => request === `GET ${PODS}`)).to.have.length(2);
  });

  it('lists 2,000 pods in pages', async () => {
    const rig = await start({
      before: (server) => {
        for (let i = 0; i < 2000; i++) server.putPod(pod({ name: `cart-77d9-${i}` }));
      },
    });
    await eventually('all are known', () => rig.orchestrator.instances().length === 2000);
    const lists = rig.server.requests.filter(({ query }) => query.get('watch') === null);
    expect(lists.map(({ query }) => query.get('limit'))).to.deep.equal(['500', '500', '500', '500']);
    expect(lists.filter(({ query }) => query.has('continue'))).to.have.length(3);
  });

  it('lists anew where the place to continue is forgotten', async () => {
    const rig = await start({
      before: (server) => {
        for (let i = 0; i < 700; i++) server.putPod(pod({ name: `cart-77d9-${i}` }));
        server.fail(({ query }) => query.has('continue'), 410);
      },
    });
    await eventually('all are known', () => rig.orchestrator.instances().length === 700);
  });

  it('goes on from a bookmark when a watch ends', async () => {
    const rig = await start({ before: (server) => deployCart(server, 1) });
    await eventually('the watch is there', () => rig.server.watching === 1);
    rig.server.bookmark();
    await new Promise((resolve) => setTimeout(resolve, 30));
    rig.server.forget();
    rig.server.endWatches();
    await eventually('there is another watch', () => rig.server.watching === 1);
    rig.server.putPod(pod({ name: 'cart-77d9-late' }));
    await eventually('it is followed', () => replicas(rig).length === 2);
    const lists = rig.server.requests.filter(({ query }) => query.get('watch') === null);
    expect(lists, 'listed only once').to.have.length(1);
    const watches = rig.server.requests.filter(({ query }) => query.get('watch') === 'true');
    expect(watches.every(({ query }) => query.get('allowWatchBookmarks') === 'true')).to.equal(true);
    const seconds = watches.map(({ query }) => Number(query.get('timeoutSeconds')));
    for (const each of seconds) expect(each).to.be.within(300, 600);
  });

  it('goes on when the connection breaks, with what happened meanwhile', async () => {
    const rig = await start({ before: (server) => deployCart(server, 1) });
    await eventually('the watch is there', () => rig.server.watching === 1);
    rig.server.breakWatches();
    rig.server.putPod(pod({ name: 'cart-77d9-meanwhile' }));
    await eventually('it is known', () => replicas(rig).length === 2);
    expect(rig.deps.lines[0]).to.match(/^pods cannot be followed; trying again the watch broke: /);
    expect(rig.deps.lines[1]).to.equal('pods are followed again');
    expect(rig.server.requests.filter(({ query }) => !query.has('watch'))).to.have.length(1);
  });

  for (const [how, expire] of [
    ['in the watch', (server: KubernetesServer) => server.expireWatches()],
    [
      'when it is opened',
      (server: KubernetesServer) => {
        server.touch('shop/deployments/cart');
        server.forget();
        server.endWatches();
      },
    ],
  ] as const) {
    it(`lists anew where the version is forgotten, said ${how}`, async () => {
      const rig = await start({ before: (server) => deployCart(server, 2) });
      await eventually('the watch is there', () => rig.server.watching === 1);
      rig.server.deletePod('uid-shop-cart-77d9-0');
      rig.server.putPod(pod({ name: 'cart-77d9-9' }));
      expire(rig.server);
      await eventually('there is another watch', () => rig.server.watching === 1);
      const lists = rig.server.requests.filter(({ query }) => !query.has('watch'));
      expect(lists).to.have.length(2);
      expect(replicas(rig)).to.deep.equal(['cart cart-77d9-1 node-2', 'cart cart-77d9-9 node-1']);
    });
  }

  it('keeps what it knows while it lists anew', async () => {
    const rig = await start({ before: (server) => deployCart(server, 2) });
    await eventually('the watch is there', () => rig.server.watching === 1);
    rig.server.fail(({ query }) => !query.has('watch'), 500, { times: 6 });
    rig.server.expireWatches();
    await eventually('lists fail', () => rig.deps.lines.some((line) => line.includes('status 500')));
    expect(replicas(rig)).to.have.length(2);
    await eventually('there is another watch', () => rig.server.watching === 1);
  });

  it('waits as long as the server wishes', async () => {
    const rig = await start({
      before: (server) => {
        deployCart(server, 1);
        server.fail(({ path }) => path === PODS, 429, { headers: { 'retry-after': '1' } });
      },
    });
    const beganMs = Date.now();
    await eventually('a pod is known', () => rig.orchestrator.instances().length === 1);
    expect(Date.now() - beganMs).to.be.greaterThan(950);
    rig.server.fail(({ query }) => query.has('watch'), 429, { headers: { 'retry-after': '1' } });
    rig.server.endWatches();
    const endedMs = Date.now();
    await eventually('there is another watch', () => rig.server.watching === 1);
    expect(Date.now() - endedMs).to.be.greaterThan(950);
  });

  it('reads the token again when it is not accepted any more', async () => {
    const rig = await start({ before: (server) => deployCart(server, 1) });
    await eventually('the watch is there', () => rig.server.watching === 1);
    rig.server.tokens.clear();
    rig.server.tokens.add('token-2');
    writeFileSync(rig.tokenFile, 'token-2');
    rig.server.endWatches();
    await eventually('there is another watch', () => rig.server.watching === 1);
    expect(rig.deps.lines, 'nothing to worry about').to.deep.equal([]);
    expect(rig.server.requests.at(-1)?.token).to.equal('token-2');
  });

  it('asks a credential plugin again when its token is not accepted any more', async () => {
    const credential = (path: string) => `
      const token = require('node:fs').readFileSync(${JSON.stringify(path)}, 'utf8');
      console.log(JSON.stringify({ apiVersion: 'client.authentication.k8s.io/v1', kind: 'ExecCredential',
        status: { token, expirationTimestamp: '2999-01-01T00:00:00Z' } }));`;
    const rig = await start({
      before: (server) => deployCart(server, 1),
      user: (path) => ({
        exec: {
          apiVersion: 'client.authentication.k8s.io/v1',
          command: process.execPath,
          args: ['-e', credential(path)],
          interactiveMode: 'Never',
        },
      }),
    });
    await eventually('the watch is there', () => rig.server.watching === 1);
    rig.server.tokens.clear();
    rig.server.tokens.add('token-2');
    writeFileSync(rig.tokenFile, 'token-2');
    rig.server.endWatches();
    await eventually('there is another watch', () => rig.server.watching === 1);
    expect(rig.server.requests.at(-1)?.token).to.equal('token-2');
  });

  it('names the permission that is missing, once, and goes on when it is granted', async () => {
    const rig = await start({
      config: { namespaces: ['shop'] },
      before: (server) => {
        deployCart(server, 1);
        const message =
          'pods is forbidden: User "sage" cannot list resource "pods" in API group "" in "shop"';
        server.fail(({ path }) => path === '/api/v1/namespaces/shop/pods', 403, { message, times: 4 });
      },
    });
    await eventually('it is said', () => rig.deps.lines.length > 0);
    expect(refusal(await rig.orchestrator.scaleState('cart'))).to.match(
      /^unreachable: the pods are not known yet: /,
    );
    await eventually('a pod is known', () => rig.orchestrator.instances().length === 1);
    expect(rig.deps.lines).to.deep.equal([
      'pods in shop cannot be followed; trying again cannot list pods in shop: status 403: pods is forbidden: ' +
        'User "sage" cannot list resource "pods" in API group "" in "shop"; grant the verb "list" on "pods" of the ' +
        'API group "" in the namespace shop to Sage\'s service account',
      'pods in shop are followed again',
    ]);
  });

  it('follows the namespaces and the pods that it is told', async () => {
    const rig = await start({
      config: { namespaces: ['shop', 'pay'], selector: 'tier=app' },
      before: (server) => {
        server.putPod(pod({ name: 'db-0', labels: { app: 'db' } }));
        server.putPod(pod({ name: 'db-0', namespace: 'pay', labels: { app: 'ledger' } }));
        server.putPod(pod({ name: 'db-1', namespace: 'pay', labels: { app: 'ledger' } }));
        server.putPod(pod({ name: 'x', namespace: 'other' }));
      },
    });
    await eventually('both are there', () => rig.server.watching === 2);
    expect(replicas(rig)).to.deep.equal([
      'db shop/db-0 node-1',
      'ledger db-1 node-1',
      'ledger pay/db-0 node-1',
    ]);
    expect(rig.server.requests.every(({ query }) => query.get('labelSelector') === 'tier=app')).to.equal(
      true,
    );
  });

  const unusable: [string, string | undefined, RegExp][] = [
    ['/nowhere/kubeconfig', undefined, /^invalid: the kubeconfig cannot be used: ENOENT/],
    ['kubeconfig', 'prod', /^invalid: the kubeconfig has no cluster for the context prod; it has test$/],
  ];
  for (const [name, context, expected] of unusable) {
    it(`refuses a kubeconfig that cannot be used: ${name} ${context ?? ''}`, async () => {
      const folder = tempFolder();
      kubeconfig(folder, 'http://127.0.0.1:1', { token: 'x' });
      const config: KubernetesConfig = {
        kind: 'kubernetes',
        kubeconfig: resolve(folder, name),
        context,
        namespaces: [],
        selector: undefined,
        serviceLabel: undefined,
      };
      expect(refusal(await openOrchestrator(config, testDeps()))).to.match(expected);
    });
  }

  it('is held to the specification by a check that can fail', () => {
    const whole = pod({ name: 'a' });
    expect(schemaProblems(whole, 'V1Pod')).to.deep.equal([]);
    const broken = { ...whole, spec: { nodename: 'x', containers: [{ name: 7 }] }, status: [] };
    expect(schemaProblems(broken, 'V1Pod')).to.deep.equal([
      'V1Pod.spec.nodename: no such field',
      'V1Pod.spec.containers[0].name: expected string',
    ]);
  });
});
