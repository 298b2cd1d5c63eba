import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createSystem, type System } from '../src/system.js';

/** Ethernet frame to TCP payload of full segments: 1514 bytes carry 1448. */
const FRAME_SHARE = 1514 / 1448;
const WARM_UP_MS = 700;
/** What a container of the lab runs, as an allow-list may name it. */
export const CONTAINER_COMMAND = `sage-test-container-${process.pid}`;

/** One connection alone leaves a link idle while it makes good what it has lost. */
const CONNECTIONS = 4;

const RECEIVER = `
const [host, port, warmUpMs, seconds] = process.argv.slice(1);
let bytes = 0;
const server = require('node:net').createServer((socket) => {
  socket.on('error', () => {}).on('data', (chunk) => { bytes += chunk.length; });
});
server.once('connection', () => setTimeout(() => {
  const [start, before] = [process.hrtime.bigint(), bytes];
  setTimeout(() => {
    const elapsed = Number(process.hrtime.bigint() - start) / 1e9;
    process.stdout.write(String((bytes - before) / elapsed) + '\\n', () => process.exit(0));
  }, 1000 * seconds);
}, warmUpMs));
server.listen({ host, port }, () => process.stdout.write('listening\\n'));
`;
const SENDER = `
const [host, port, connections] = process.argv.slice(1);
const chunk = Buffer.alloc(65536);
for (let i = 0; i < connections; i++) {
  const socket = require('node:net').connect({ host, port });
  const send = () => { while (socket.write(chunk)); };
  socket.on('connect', send).on('drain', send).on('error', () => {}).on('close', () => process.exit(0));
}
`;

/** An end of a link, as the lab names it. */
export type Place = 'node' | 'first' | 'second' | 'outside';

/** What goes by while htb classifies nothing, in tc's JSON: the kernel itself sends a packet now and then. */
const PACKETS_SEEN = /"direct_packets_stat":\d+,?/g;

/**
 * A node with two containers and an interface to the outside, each a network namespace:
 *
 *     first  fd01::2 10.1.0.2 ── v1 ┐
 *     second fd02::2 10.2.0.2 ── v2 ┤ node ├ uplink ── fd03::2 10.3.0.2 outside
 */
export class NetworkLab {
  readonly #names: Readonly<Record<Place, string>>;
  readonly #children: ChildProcess[] = [];
  #port = 7000;
  /** Processes that hold the namespaces open, and stand for what runs in them. */
  readonly pids: Record<Place, number> = { node: 0, first: 0, second: 0, outside: 0 };

  constructor(name: string) {
    this.#names = { node: `${name}-n`, first: `${name}-1`, second: `${name}-2`, outside: `${name}-o` };
  }

  static address(place: Exclude<Place, 'node'>, version: 4 | 6 = 4): string {
    const net = { first: 1, second: 2, outside: 3 }[place];
    return version === 4 ? `10.${net}.0.2` : `fd0${net}::2`;
  }

  /** Throws what `ip` says where namespaces cannot be made. */
  async build(): Promise<void> {
    for (const name of Object.values(this.#names)) ip('netns', 'add', name);
    for (const place of Object.keys(this.#names) as Place[]) {
      this.at(place, 'ip', 'link', 'set', 'lo', 'up');
      this.pids[place] = await this.#hold(place);
    }
    // Ends of a pair that happen to have one number cannot be told from an interface that is none.
    this.at('node', 'ip', 'link', 'add', 'spare', 'type', 'ifb');
    this.#connect('first', 'v1', 1);
    this.#connect('second', 'v2', 2);
    this.#connect('outside', 'uplink', 3);
    this.at('node', 'sysctl', '-qw', 'net.ipv4.ip_forward=1', 'net.ipv6.conf.all.forwarding=1');
  }

  async remove(): Promise<void> {
    await Promise.all(this.#children.map(end));
    const existing = ip('netns', 'list');
    for (const name of Object.values(this.#names)) if (existing.includes(name)) ip('netns', 'del', name);
  }

  at(place: Place, program: string, ...args: string[]): string {
    return ip('netns', 'exec', this.#names[place], program, ...args);
  }

  /** What tc and ip show of the node's queues and interfaces. */
  snapshot(): string {
    const devices = (JSON.parse(this.at('node', 'ip', '-j', 'link', 'show')) as { ifname: string }[]).map(
      ({ ifname }) => ifname,
    );
    const shown = devices.flatMap((device) => [
      this.at('node', 'tc', '-j', 'qdisc', 'show', 'dev', device),
      this.at('node', 'tc', '-j', '-d', 'class', 'show', 'dev', device),
      this.at('node', 'tc', '-j', 'filter', 'show', 'dev', device),
      this.at('node', 'tc', '-j', 'filter', 'show', 'dev', device, 'ingress'),
    ]);
    return [devices.join(' '), ...shown].join('\n').replaceAll(PACKETS_SEEN, '');
  }

  /** The node as an agent sees it that runs there. */
  system(overrides: Partial<System> = {}): System {
    const real = createSystem({ sysRoot: '/', fetch });
    const inside = (path: string) =>
      path.startsWith('/sys/class/net') ? `/proc/${this.pids.node}/root${path}` : path;
    return {
      ...real,
      read: (path) => real.read(inside(path)),
      list: (path) => real.list(inside(path)),
      run: (program, args, input) =>
        real.run('ip', ['netns', 'exec', this.#names.node, program, ...args], input),
      ...overrides,
    };
  }

  /** Mbit/s on the wire of TCP connections that send all they can. */
  async throughput(
    from: Place,
    to: Exclude<Place, 'node'>,
    seconds: number,
    version: 4 | 6 = 4,
  ): Promise<number> {
    const host = NetworkLab.address(to, version);
    const port = String(this.#port++);
    const receiver = this.#node(to, RECEIVER, host, port, String(WARM_UP_MS), String(seconds));
    const lines = receiver.stdout as NodeJS.ReadableStream;
    await once(lines, 'data');
    const sender = this.#node(from, SENDER, host, port, String(CONNECTIONS));
    const [answer] = (await once(lines, 'data')) as [Buffer];
    // Whoever looks who runs in a namespace finds neither of them any more.
    await Promise.all([sender, receiver].map(end));
    return (8 * Number(String(answer).trim()) * FRAME_SHARE) / 1e6;
  }

  #connect(place: Exclude<Place, 'node'>, device: string, net: number): void {
    const inside = this.#names[place];
    this.at('node', 'ip', 'link', 'add', device, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', inside);
    this.at('node', 'ip', 'addr', 'add', `10.${net}.0.1/24`, 'dev', device);
    this.at('node', 'ip', 'addr', 'add', `fd0${net}::1/64`, 'dev', device, 'nodad');
    this.at('node', 'ip', 'link', 'set', device, 'up');
    this.at(place, 'ip', 'addr', 'add', `10.${net}.0.2/24`, 'dev', 'eth0');
    this.at(place, 'ip', 'addr', 'add', `fd0${net}::2/64`, 'dev', 'eth0', 'nodad');
    this.at(place, 'ip', 'link', 'set', 'eth0', 'up');
    this.at(place, 'ip', 'route', 'add', 'default', 'via', `10.${net}.0.1`);
    this.at(place, 'ip', '-6', 'route', 'add', 'default', 'via', `fd0${net}::1`);
  }

  async #hold(place: Place): Promise<number> {
    const script = "process.stdout.write('up\\n'); setInterval(() => {}, 1000)";
    const child = this.#node(place, script, CONTAINER_COMMAND);
    await once(child.stdout as NodeJS.ReadableStream, 'data');
    return child.pid as number;
  }

  #node(place: Place, script: string, ...args: string[]): ChildProcess {
    const child = spawn(
      'ip',
      ['netns', 'exec', this.#names[place], process.execPath, '-e', script, ...args],
      {
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    );
    this.#children.push(child);
    return child;
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill('SIGKILL');
  await gone;
}

function ip(...args: string[]): string {
  return execFileSync('ip', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}
