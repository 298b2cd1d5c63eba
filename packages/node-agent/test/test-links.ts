import { errorMessage, failure, type Outcome, success } from '@sage/core';
import type { Effects } from './faults.js';
import type { Files } from './test-kernel.js';

interface Filter {
  readonly pref: number;
  readonly protocol: string;
  /** A class that it leads to, or a device that it redirects to. */
  readonly to: string;
}

interface Device {
  readonly isIfb: boolean;
  up: boolean;
  /** The handle of a root HTB. */
  root: string | null;
  /** bit/s by class. */
  classes: Record<string, number>;
  /** Classes with a queueing discipline of their own. */
  queues: string[];
  filters: Filter[];
  ingress: boolean;
  redirects: Filter[];
}

type Links = Record<string, Device>;

/** Where the state is, so that it outlasts a process on a tree of the disk. */
const PATH = '/sys/test/links';
/** As limits of a configuration have it: 0.1 to 100 Mbit/s. */
const LEAST = 1e5;
const MOST = 1e8;
const OPEN = 1e11;

function device(isIfb: boolean): Device {
  const nothing = { root: null, classes: {}, queues: [], filters: [], ingress: false, redirects: [] };
  return { isIfb, up: !isIfb, ...nothing };
}

/** Interfaces as they are before anybody queues. */
export function linkTree(...devices: readonly string[]): Readonly<Record<string, string>> {
  return { [PATH]: JSON.stringify(Object.fromEntries(devices.map((name) => [name, device(false)]))) };
}

/**
 * What the lines of `tc` and `ip` that the agent uses do to interfaces, and how they are refused: an effect a line, and a
 * batch ends at the first that fails.
 */
export class TestLinks {
  constructor(
    private readonly files: Files,
    private readonly faults: Effects,
    private readonly violations: string[],
  ) {}

  run(program: string, args: readonly string[], input: string): Outcome<string> {
    const words = args.filter((arg) => !['-s', '-d', '-j', '-batch', '-'].includes(arg)).join(' ');
    const lines = words === '' ? input.split('\n').filter((line) => line !== '') : [words];
    const answers: string[] = [];
    for (const line of lines) {
      try {
        answers.push(this.#perform(`${program} ${line}`));
      } catch (error) {
        return failure('program', errorMessage(error));
      }
    }
    return success(answers.join(''));
  }

  #perform(line: string): string {
    const shown = this.#show(line);
    if (shown !== undefined) return `${JSON.stringify(shown)}\n`;
    this.faults.around(() => {
      const links = this.#read();
      change(links, line, this.violations);
      this.files.set(PATH, JSON.stringify(links));
    });
    return '';
  }

  #read(): Links {
    return JSON.parse(this.files.get(PATH) ?? '{}') as Links;
  }

  #show(line: string): readonly unknown[] | undefined {
    const [, what, verb, , name, , parent] = line.split(' ');
    if (verb !== 'show') return undefined;
    const links = this.#read();
    if (what === 'qdisc' && name === undefined)
      return Object.keys(links).flatMap((dev) => qdiscs(links, dev));
    const found = deviceOf(links, name);
    if (what === 'qdisc') return qdiscs(links, name as string).map(({ dev: _, ...entry }) => entry);
    if (what === 'class') {
      return Object.entries(found.classes).map(([handle, rate]) => ({
        class: 'htb',
        handle,
        rate: rate / 8,
        ceil: rate / 8,
      }));
    }
    if (parent === 'ffff:') {
      return found.redirects.map(({ to, ...filter }) => ({
        ...filter,
        kind: 'u32',
        options: { actions: [{ kind: 'mirred', to_dev: to }] },
      }));
    }
    return found.filters.map(({ to, ...filter }) => ({ ...filter, kind: 'u32', options: { flowid: to } }));
  }
}

function qdiscs(links: Links, dev: string): readonly Record<string, unknown>[] {
  const { up, root, isIfb, queues, ingress } = links[dev] as Device;
  if (!up) return [];
  const kernels = { kind: isIfb ? 'pfifo_fast' : 'noqueue', handle: '0:' };
  return [
    { dev, root: true, ...(root === null ? kernels : { kind: 'htb', handle: root }) },
    ...queues.map((parent) => ({ dev, kind: 'bfifo', handle: '8001:', parent })),
    ...(ingress ? [{ dev, kind: 'ingress', handle: 'ffff:', parent: 'ffff:fff1' }] : []),
  ];
}

function deviceOf(links: Links, name: string | undefined): Device {
  const found = links[name ?? ''];
  if (found === undefined) throw new Error(`Cannot find device "${name}"`);
  return found;
}

function change(links: Links, line: string, violations: string[]): void {
  const words = line.split(' ');
  const after = (key: string) => words[words.indexOf(key) + 1] as string;
  if (line.startsWith('ip link add name')) {
    const name = after('name');
    if (links[name] !== undefined) throw new Error('RTNETLINK answers: File exists');
    if (!name.startsWith('sage-')) violations.push(`${line}: without our prefix`);
    links[name] = device(true);
    return;
  }
  const name = after('dev');
  const on = deviceOf(links, name);
  switch (words.slice(0, 3).join(' ')) {
    case 'ip link set':
      on.up = true;
      return;
    case 'ip link del':
      if (!on.isIfb) violations.push(`${line}: not ours`);
      delete links[name];
      return;
    case 'tc qdisc add':
      if (line.endsWith(' ingress')) {
        if (on.ingress) throw new Error('Exclusivity flag on, cannot modify.');
        on.ingress = true;
        return;
      }
      if (on.root !== null) throw new Error('Exclusivity flag on, cannot modify.');
      on.root = after('handle');
      return;
    case 'tc qdisc del':
      if (words.at(-1) === 'ingress') Object.assign(on, { ingress: false, redirects: [] });
      else Object.assign(on, { root: null, classes: {}, queues: [], filters: [] });
      return;
    case 'tc qdisc replace':
      if (on.classes[after('parent')] === undefined) throw new Error('Parent class not found.');
      on.queues = [...on.queues.filter((each) => each !== after('parent')), after('parent')];
      return;
    case 'tc class replace': {
      if (on.root !== after('parent')) throw new Error("Parent Qdisc doesn't exists.");
      const rate = after('rate') === '100gbit' ? OPEN : Number.parseInt(after('rate'), 10);
      if (rate !== OPEN && !(rate >= LEAST && rate <= MOST)) violations.push(`${line}: out of range`);
      on.classes[after('classid')] = rate;
      return;
    }
    case 'tc class del': {
      const classid = after('classid');
      if (on.filters.some(({ to }) => to === classid)) throw new Error('HTB class in use.');
      delete on.classes[classid];
      on.queues = on.queues.filter((each) => each !== classid);
      return;
    }
    case 'tc filter add': {
      const filter = { pref: Number(after('pref')), protocol: after('protocol') };
      if (after('parent') !== 'ffff:') {
        if (on.root !== after('parent')) throw new Error("Parent Qdisc doesn't exists.");
        on.filters.push({ ...filter, to: after('flowid') });
        return;
      }
      if (!on.ingress) throw new Error("Parent Qdisc doesn't exists.");
      const to = words.at(-1) as string;
      deviceOf(links, to);
      on.redirects.push({ ...filter, to });
      return;
    }
    case 'tc filter del': {
      const list = after('parent') === 'ffff:' ? 'redirects' : 'filters';
      const rest = on[list].filter(
        ({ pref, protocol }) => pref !== Number(after('pref')) || protocol !== after('protocol'),
      );
      if (rest.length === on[list].length) throw new Error('Cannot find specified filter chain.');
      on[list] = rest;
      return;
    }
    default:
      violations.push(`${line}: not a line that a change has`);
      throw new Error('What is that?');
  }
}
