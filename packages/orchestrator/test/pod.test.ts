import type { V1Pod } from '@kubernetes/client-node';
import { expect } from 'chai';
import { podRecord } from '../src/kubernetes/pod.js';
import { podPlacement } from '../src/kubernetes/pod-placement.js';
import { type PodSketch, pod } from './kubernetes-fixture.js';

const record = (sketch: PodSketch, serviceLabel?: string) =>
  podRecord(pod(sketch) as unknown as V1Pod, serviceLabel);

describe('the service of a pod', () => {
  const hashed = { 'pod-template-hash': '77d9' };
  const cases: [string, PodSketch, string | undefined, string | undefined][] = [
    ['its label app', { name: 'a', labels: { app: 'cart' } }, undefined, 'cart'],
    [
      'the recommended label before it',
      { name: 'a', labels: { app: 'cart-v1', 'app.kubernetes.io/name': 'cart' } },
      undefined,
      'cart',
    ],
    [
      'what OpenTelemetry calls it before both',
      {
        name: 'a',
        labels: { app: 'x', 'app.kubernetes.io/name': 'y' },
        annotations: { 'resource.opentelemetry.io/service.name': 'cart' },
      },
      undefined,
      'cart',
    ],
    ['without labels its Deployment', { name: 'a', labels: hashed }, undefined, 'cart'],
    [
      'without labels its StatefulSet',
      { name: 'db-0', labels: {}, owner: { kind: 'StatefulSet', name: 'db' } },
      undefined,
      'db',
    ],
    ['the label that is configured', { name: 'a', labels: { app: 'x', tier: 'cart' } }, 'tier', 'cart'],
    [
      'the annotation that is configured',
      { name: 'a', annotations: { 'example.org/service': 'cart' } },
      'example.org/service',
      'cart',
    ],
    ['none without the label that is configured', { name: 'a' }, 'tier', undefined],
    ['none once it ends', { name: 'a', ending: true }, undefined, undefined],
    ['none once it has ended', { name: 'a', phase: 'Succeeded' }, undefined, undefined],
  ];
  for (const [name, sketch, label, expected] of cases) {
    it(`is ${name}`, () => expect(record(sketch, label)?.service).to.equal(expected));
  }

  it('tells what names do not make clear', () => {
    const records = [
      record({
        name: 'a',
        labels: { app: 'cart-v2', 'app.kubernetes.io/name': 'cart', ...{ 'pod-template-hash': '77d9' } },
      }),
      record({ name: 'b', labels: { app: 'cart' }, owner: { kind: 'StatefulSet', name: 'canary' } }),
    ];
    expect(podPlacement(records.filter((each) => each !== undefined)).conflicts).to.deep.equal([
      'pods of cart are named cart-v2 by another label',
      'cart is run by ReplicaSet shop/cart and StatefulSet shop/canary',
    ]);
  });

  it('keeps little of a pod', () => {
    const whole = pod({ name: 'a' });
    const padded = {
      ...whole,
      metadata: { ...whole.metadata, managedFields: [{ manager: 'x'.repeat(10_000) }] },
    };
    const kept = podRecord(padded as unknown as V1Pod);
    expect(JSON.stringify(kept).length).to.be.lessThan(500);
  });
});
