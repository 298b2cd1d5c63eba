import { success } from '@sage/core';
import type { LoadRelief } from '@sage/root-cause';
import { Cluster, planning } from './cluster.js';
import { type Rig, type RigOptions, rigsOfEachTest, settled } from './support.js';

export const BAD = 220;
export const GOOD = 40;
const LEARNT = 22;
/** Of 30 s, in slides of 10 s. */
const WHOLE = 3;

/** Its weight is at the end of its range when it was turned once, its quota when it was doubled twice. */
export const CART = {
  target: 'cart',
  cpuQuotaCores: { current: 1, max: 4 },
  cpuWeight: { current: 100, max: 200 },
};
export const SCALE = { scale: { max: 4 } };

/** Of a load that is too large for a service, this part has to go elsewhere. */
export const tooMuch = (service: string, share: number): LoadRelief => ({
  ...{ service, resource: 'cpu', evidence: [], probability: 0.9, restoredMs: 40 },
  ...{ enough: 0.5, expectedMs: 80, share },
});

/** An engine on a cluster, and its windows in the order in which they close. */
export class Timeline {
  #next = 0;

  constructor(
    readonly rig: Rig,
    readonly cluster: Cluster,
  ) {}

  async slides(count: number, p99Ms: number): Promise<void> {
    for (let i = 0; i < count; i++) {
      const before = this.cluster.log.length;
      await this.rig.window(this.#next++, p99Ms);
      if (this.cluster.log.length !== before) await settled();
    }
  }

  /** Windows that do not overlap. */
  async windows(count: number, p99Ms: number): Promise<void> {
    await this.slides(WHOLE * count, p99Ms);
  }

  /** Until something is done for the first time. */
  async breakDown(): Promise<void> {
    await this.slides(LEARNT, GOOD);
    await this.slides(3, BAD);
  }

  get incidents() {
    return this.rig.engine.state().incidents;
  }

  get story(): string {
    return (
      this.incidents
        .at(-1)
        ?.timeline.map(({ text }) => text)
        .join('\n') ?? ''
    );
  }
}

/** For a suite: the cluster of each test, and what starts an engine on it that acts. */
export function timelinesOfEachTest() {
  const startRig = rigsOfEachTest();
  const suite = {
    cluster: new Cluster(),
    start: async (
      { actuation = {}, ...extra }: { actuation?: object } & Record<string, unknown> = {},
      rest: Partial<RigOptions> = {},
    ): Promise<Timeline> => {
      const { cluster } = suite;
      const rig = await startRig({
        ...rest,
        extra: { ...cluster.extra, ...extra, actuation: { mode: 'act', ...actuation } },
        deps: { fetch: cluster.fetch, ...rest.deps },
        parts: { ...planning(), orchestrator: async () => success(cluster.orchestrator), ...rest.parts },
      });
      return new Timeline(rig, cluster);
    },
    /** But for leases that were renewed. */
    done: (): readonly string[] => suite.cluster.log.filter((line) => !line.includes(' again ')),
  };
  beforeEach(() => {
    suite.cluster = new Cluster();
    suite.cluster.targets.set('n1', [CART]);
    suite.cluster.replicas.set('cart', 2);
  });
  return suite;
}
