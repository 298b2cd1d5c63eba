import { posix } from 'node:path';
import type { Outcome } from '@sage/core';
import {
  type ControlGroup,
  type Controller,
  type Hierarchy,
  hierarchyOf,
  readHierarchies,
} from '../procfs/cgroup.js';
import type { System } from '../system.js';
import { containerIdOf, podUidOf } from './group-names.js';

/** What a group may be known by. A container's id may be a prefix. */
export type GroupName =
  | { readonly kind: 'container'; readonly id: string }
  | { readonly kind: 'pod'; readonly uid: string }
  | { readonly kind: 'unit'; readonly name: string };

const SHORTEST_ID = 12;
const DEEPEST = 24;
const MOST_GROUPS = 50_000;
/** Looking for what is not there takes at most this share of the time. */
const LARGEST_SHARE = 0.01;

/**
 * The node's trees of groups, and where in them containers, pods and units are. Those move never: a place found once
 * holds while its folder is there, and the trees are walked again only for a name that has none.
 */
export class ControlGroups {
  #hierarchies: readonly Hierarchy[] = [];
  #places = new Map<string, ControlGroup[]>();
  #walkedAtMs = Number.NEGATIVE_INFINITY;
  #walkTookMs = 0;

  constructor(
    private readonly system: System,
    private readonly monotonicMs: () => number,
  ) {}

  hierarchy(controller: Controller): Outcome<Hierarchy, 'unsupported'> {
    // Nothing mounts a hierarchy on a node that runs, but an agent may start before.
    if (this.#hierarchies.length === 0) this.#hierarchies = readHierarchies(this.system);
    return hierarchyOf(this.#hierarchies, controller);
  }

  /** Groups of that name, one for each place in any tree; empty where there is none now. */
  find(name: GroupName): readonly ControlGroup[] {
    const known = this.#known(name);
    if (known.length > 0) return known;
    const nowMs = this.monotonicMs();
    if (nowMs - this.#walkedAtMs < this.#walkTookMs / LARGEST_SHARE) return [];
    this.#walk();
    this.#walkedAtMs = this.monotonicMs();
    this.#walkTookMs = this.#walkedAtMs - nowMs;
    return this.#known(name);
  }

  #known(name: GroupName): readonly ControlGroup[] {
    return this.#noted(name).filter(({ directory }) => this.system.exists(directory));
  }

  #noted(name: GroupName): readonly ControlGroup[] {
    if (name.kind === 'pod') return this.#places.get(`pod ${name.uid}`) ?? [];
    if (name.kind === 'unit') return this.#places.get(`unit ${name.name}`) ?? [];
    const alike = this.#places.get(containerKey(name.id)) ?? [];
    return alike.filter(({ directory }) => containerIdOf(posix.basename(directory))?.startsWith(name.id));
  }

  /** systemd's own tree has every unit; runtimes make a container's group in the trees of all controllers. */
  #walk(): void {
    this.#places = new Map();
    const cpu = this.hierarchy('cpu');
    const trees = this.#hierarchies.filter(
      (tree) =>
        (cpu.ok && tree === cpu.value) || tree.version === 2 || tree.controllers.includes('name=systemd'),
    );
    for (const hierarchy of trees) {
      let level = [hierarchy.mount];
      let left = MOST_GROUPS;
      for (let depth = 0; depth < DEEPEST && level.length > 0; depth++) {
        const next: string[] = [];
        for (const parent of level) {
          for (const name of this.system.directories(parent)) {
            if (left-- <= 0) return;
            this.#note(name, { hierarchy, directory: `${parent}/${name}` });
            next.push(`${parent}/${name}`);
          }
        }
        level = next;
      }
    }
  }

  #note(name: string, group: ControlGroup): void {
    const id = containerIdOf(name);
    const uid = podUidOf(name);
    if (id !== undefined) this.#add(containerKey(id), group);
    else if (uid !== undefined) this.#add(`pod ${uid}`, group);
    if (/\.(?:service|scope|slice)$/.test(name)) this.#add(`unit ${name}`, group);
  }

  #add(key: string, group: ControlGroup): void {
    const places = this.#places.get(key);
    if (places === undefined) this.#places.set(key, [group]);
    else places.push(group);
  }
}

/** By as many digits as a configuration has to name. */
function containerKey(id: string): string {
  return `container ${id.slice(0, SHORTEST_ID)}`;
}
