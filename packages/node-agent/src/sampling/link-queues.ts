import type { LinkConfig, TargetConfig } from '../config.js';
import { linkQueues, targetDevice } from '../drivers/link-rate.js';
import type { Site } from '../drivers/site.js';
import { parseHtbClasses } from '../steps/htb-class.js';
import { classidOf, parseQdiscs, type Qdisc } from '../steps/tc.js';
import { targetPids } from '../targets/find-target.js';

/** Of the queues of a target's link at one moment. */
export interface QueueReading {
  readonly backlogBytes: number;
  /** Packets; a counter. */
  readonly drops: number;
}

/**
 * Reads the queues of all targets' links in one run of tc, and one more for each interface with classes that somebody
 * else made: their queues are without a discipline of their own, and only the classes count.
 */
export class LinkQueues {
  /** The node's end of a target's interfaces is looked for anew only when the target has another network. */
  readonly #devices = new Map<string, { readonly namespace: string | undefined; readonly device: string }>();

  constructor(private readonly site: Site) {}

  async read(): Promise<ReadonlyMap<string, QueueReading>> {
    const readings = new Map<string, QueueReading>();
    const linked = this.site.config.targets.filter(({ link }) => link !== undefined);
    if (linked.length === 0) return readings;
    const [qdiscs, classes] = await Promise.all([this.#qdiscs(), this.#classes(linked)]);
    for (const target of linked) {
      const link = target.link as LinkConfig;
      const reading =
        link.device !== undefined && link.classid !== undefined
          ? classes.get(`${link.device} ${link.classid}`)
          : this.#ownReading(target, link, qdiscs);
      if (reading !== undefined) readings.set(target.name, reading);
    }
    return readings;
  }

  async #qdiscs(): Promise<readonly Qdisc[]> {
    const answer = await this.site.system.run('tc', ['-s', '-j', 'qdisc', 'show']);
    return answer.ok ? parseQdiscs(answer.value) : [];
  }

  async #classes(targets: readonly TargetConfig[]): Promise<ReadonlyMap<string, QueueReading>> {
    const devices = new Set(
      targets.flatMap(({ link }) => (link?.classid === undefined ? [] : [link.device as string])),
    );
    const found = new Map<string, QueueReading>();
    for (const device of devices) {
      const answer = await this.site.system.run('tc', ['-s', '-d', '-j', 'class', 'show', 'dev', device]);
      for (const { classid, backlogBytes, drops } of answer.ok ? parseHtbClasses(answer.value) : []) {
        if (backlogBytes === undefined) continue;
        found.set(`${device} ${classid}`, { backlogBytes, drops: drops ?? 0 });
      }
    }
    return found;
  }

  /** The target's own queues where the agent has made some, else what its interface has. */
  #ownReading(target: TargetConfig, link: LinkConfig, qdiscs: readonly Qdisc[]): QueueReading | undefined {
    const device = link.device ?? this.#deviceOf(target);
    if (device === undefined) return undefined;
    const queues = linkQueues(this.site, target, link, device);
    const own = qdiscs.filter(({ dev, parent }) =>
      queues.some((queue) => queue.device === dev && parent === classidOf(queue.minor)),
    );
    const counted = own.length > 0 ? own : qdiscs.filter(({ dev, root }) => dev === device && root === true);
    if (counted.length === 0) return undefined;
    const sum = (value: (qdisc: Qdisc) => number | undefined) =>
      counted.reduce((total, qdisc) => total + (value(qdisc) ?? 0), 0);
    return { backlogBytes: sum(({ backlog }) => backlog), drops: sum(({ drops }) => drops) };
  }

  #deviceOf(target: TargetConfig): string | undefined {
    const pid = targetPids(this.site, target)[0];
    const namespace = pid === undefined ? undefined : this.site.system.link(`/proc/${pid}/ns/net`);
    const known = this.#devices.get(target.name);
    if (known !== undefined && known.namespace === namespace) return known.device;
    this.#devices.delete(target.name);
    const found = targetDevice(this.site, target);
    if (found.ok) this.#devices.set(target.name, { namespace, device: found.value });
    return found.ok ? found.value : undefined;
  }
}
