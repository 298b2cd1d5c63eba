import { createServer, request, type Server } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { ManualClock, silentLogger, type TargetState } from '@sage/core';
import { expect } from 'chai';
import { type Agent, startAgent } from '../src/agent.js';
import type { TargetCapabilities } from '../src/capabilities.js';
import { ACTION_KINDS } from '../src/limits.js';
import { CGROUP_V1, Node, processFiles, quota, unwrap } from './fixture.js';

const QUOTA = '/sys/fs/cgroup/cpu/demo/rate/cpu.cfs_quota_us';

/** A relay and a component with one pool, as the agent meets them. */
class Controlled {
  readonly links = [{ link: 'rate', delayMs: 40, receivedBytes: 10, transmittedBytes: 20 }];
  readonly pools = [{ pool: 'db', size: 2, inUse: 2, pending: 7 }];
  readonly server: Server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk) => {
      body += chunk;
    });
    request.on('end', () => {
      const [, list, name] = (request.url ?? '').split('/');
      if (request.method === 'PUT') {
        const entries: Record<string, unknown>[] = list === 'links' ? this.links : this.pools;
        const entry = entries.find((each) => each.link === name || each.pool === name);
        Object.assign(entry ?? {}, JSON.parse(body));
      }
      response.end(JSON.stringify(list === 'links' ? this.links : this.pools));
    });
  });

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }
}

describe('the API', () => {
  let node: Node;
  let agent: Agent;
  let controlled: Controlled;
  let url: string;

  beforeEach(async () => {
    node = new Node({ ...CGROUP_V1, ...processFiles(100, '0') });
    node.put('/token', 'secret\n');
    controlled = new Controlled();
    url = await controlled.listen();
    const config = node.config(
      `token_file: ${node.root}/token\ntargets: [{ name: rate, pids: [100], cgroup: demo/rate, pools_url: "${url}/pools", ` +
        `max_pool_size: 16, relay: { url: "${url}", link: rate, nominal_delay_ms: 1 } }]`,
    );
    const deps = {
      clock: new ManualClock(5),
      monotonicMs: () => performance.now(),
      fetch,
      logger: silentLogger,
      pid: 1,
      system: node.system(),
    };
    agent = unwrap(await startAgent(config, deps));
  });
  afterEach(async () => {
    await agent.close();
    controlled.server.close();
    node.remove();
  });

  const call = async (method: string, path: string, body?: string, headers: Record<string, string> = {}) => {
    const response = await fetch(`${agent.url}${path}`, {
      method,
      headers: { authorization: 'Bearer secret', 'content-type': 'application/json', ...headers },
      ...(body === undefined ? {} : { body }),
    });
    const text = await response.text();
    return { status: response.status, headers: response.headers, text, json: () => JSON.parse(text) };
  };
  const post = (id: string, action: unknown) =>
    call('POST', '/api/v1/actions', JSON.stringify({ id, action }));

  it('turns knobs and gives them back', async () => {
    for (const [action, now, before] of [
      [quota(0.5), () => node.get(QUOTA), '20000'],
      [{ kind: 'link-delay', target: 'rate', delayMs: 1 }, () => String(controlled.links[0]?.delayMs), '40'],
      [
        { kind: 'pool-size', target: 'rate', pool: 'db', size: 8 },
        () => String(controlled.pools[0]?.size),
        '2',
      ],
    ] as const) {
      const answer = await post(action.kind, action);
      expect(answer.status, answer.text).to.equal(200);
      expect(answer.json()).to.include({ id: action.kind, status: 'applied', leaseEndsMs: 600_005 });
      expect(now()).to.not.equal(before);
      expect((await call('DELETE', `/api/v1/actions/${action.kind}`)).json()).to.include({
        status: 'released',
      });
      expect(now()).to.equal(before);
    }
    const listed = (await call('GET', '/api/v1/actions')).json() as { status: string }[];
    expect(listed.map(({ status }) => status)).to.deep.equal(['released', 'released', 'released']);
    expect((await call('GET', '/metrics')).text).to.include(
      'sage_node_actions_total{kind="cpu-quota",status="applied"} 1',
    );
  });

  it('says what can be turned and where it stands', async () => {
    const [state] = (await call('GET', '/api/v1/targets')).json() as TargetState[];
    expect(state).to.deep.equal({
      target: 'rate',
      cpuQuotaCores: { current: 0.2, max: 1 },
      coRunners: [],
      limitable: ['cpu'],
      linkDelayMs: { current: 40, nominal: 1 },
      pools: [{ pool: 'db', size: 2, pending: 7, max: 16 }],
    });
  });

  it('undoes everything when it stops', async () => {
    await post('a', quota(0.5));
    await post('b', { kind: 'pool-size', target: 'rate', pool: 'db', size: 8 });
    unwrap(await agent.close());
    expect([node.get(QUOTA), controlled.pools[0]?.size]).to.deep.equal(['20000', 2]);
  });

  it('is open to health checks and closed to everything else without the token', async () => {
    const none = { authorization: '' };
    expect((await call('GET', '/-/healthy', undefined, none)).status).to.equal(200);
    expect((await call('GET', '/-/ready', undefined, none)).status).to.equal(200);
    for (const [authorization, path] of [
      ['', '/api/v1/targets'],
      ['Bearer wrong', '/api/v1/targets'],
      ['secret', '/metrics'],
    ] as const) {
      expect((await call('GET', path, undefined, { authorization })).status, path).to.equal(401);
    }
  });

  const body = (value: unknown) => JSON.stringify(value);
  const link = { kind: 'link-delay', target: 'rate', delayMs: 0 };
  for (const [what, status, text, payload] of [
    ['broken JSON', 400, 'malformed request', '{'],
    ['an array', 400, 'body: ', '[]'],
    ['no action', 400, 'action', body({ id: 'a' })],
    ['an unknown kind', 400, 'action.kind', body({ id: 'a', action: { kind: 'reboot', target: 'rate' } })],
    ['an unknown field', 400, 'force', body({ id: 'a', action: quota(1), force: true })],
    ['an id with a path', 400, 'id: expected 1 to 128', body({ id: '../a', action: quota(1) })],
    ['a quota in words', 400, 'action.cores', body({ id: 'a', action: { ...quota(1), cores: 'two' } })],
    ['an endless lease', 400, 'leaseSeconds', body({ id: 'a', action: quota(1), leaseSeconds: 1e9 })],
    ['an unknown target', 404, 'no target "x"', body({ id: 'a', action: quota(1, 'x') })],
    ['a target like a path', 404, 'no target', body({ id: 'a', action: quota(1, '../../etc') })],
    ['a quota out of bounds', 422, 'expected 0.05 to 1 cores', body({ id: 'a', action: quota(2) })],
    ['a delay below nominal', 422, 'expected 1 to', body({ id: 'a', action: link })],
    [
      'a pool too large',
      422,
      'expected 1 to 16',
      body({ id: 'a', action: { kind: 'pool-size', target: 'rate', pool: 'db', size: 17 } }),
    ],
    [
      'an unknown pool',
      422,
      'no pool "x"',
      body({ id: 'a', action: { kind: 'pool-size', target: 'rate', pool: 'x', size: 3 } }),
    ],
    [
      'a cache share here',
      422,
      'resctrl is not mounted',
      body({ id: 'a', action: { kind: 'llc-ways', target: 'rate', ways: 2 } }),
    ],
    [
      'somebody else’s process',
      403,
      'process 1',
      body({ id: 'a', action: { kind: 'limit-corunner', target: 'rate', pids: [1] } }),
    ],
    [
      'a processor set of nobody',
      400,
      'cpus',
      body({ id: 'a', action: { kind: 'cpu-set', target: 'rate', cpus: [] } }),
    ],
    [
      'a path as a pool',
      422,
      'no pool "../links/rate"',
      body({ id: 'a', action: { kind: 'pool-size', target: 'rate', pool: '../links/rate', size: 3 } }),
    ],
    [
      'a number that is none',
      400,
      'cores',
      '{"id":"a","action":{"kind":"cpu-quota","target":"rate","cores":1e999}}',
    ],
    ['a key too many', 400, 'shell', body({ id: 'a', action: { ...quota(0.5), shell: 'rm' } })],
    ['a prototype', 400, 'body', '{"__proto__":{"id":"a"}}'],
    ['nesting without end', 400, 'malformed', `${'['.repeat(30_000)}`],
    ['a huge body', 413, '65536 bytes', body({ id: 'a', pad: 'x'.repeat(70_000) })],
  ] as const) {
    it(`answers ${status} to ${what}`, async () => {
      const answer = await call('POST', '/api/v1/actions', payload);
      expect(answer.status, answer.text).to.equal(status);
      expect(answer.json().error).to.include(text);
      expect(node.get(QUOTA)).to.equal('20000\n');
    });
  }

  it('answers 415 to another content type, 404 to other paths and ids', async () => {
    const text = { 'content-type': 'text/plain' };
    expect((await call('POST', '/api/v1/actions', '{}', text)).status).to.equal(415);
    expect((await call('GET', '/api/v2')).json().error).to.include('nothing at GET /api/v2');
    expect((await call('DELETE', '/api/v1/actions/none')).status).to.equal(404);
  });

  it('answers 405 to other methods, and says which there are', async () => {
    for (const [method, path, allow] of [
      ['PUT', '/api/v1/actions', 'GET, POST'],
      ['POST', '/api/v1/targets', 'GET'],
      ['GET', '/api/v1/actions/a', 'DELETE'],
      ['GET', '/api/v1/kill', 'POST'],
      ['DELETE', '/-/healthy', 'GET'],
      ['POST', '/metrics', 'GET'],
    ] as const) {
      const answer = await call(method, path);
      expect([answer.status, answer.headers.get('allow')], `${method} ${path}`).to.deep.equal([405, allow]);
      expect(answer.json().error).to.include(`takes ${allow.replace(', ', ' and ')}, not ${method}`);
    }
  });

  it('says of every kind of action whether it can be asked for, and if not, why', async () => {
    const [{ target, capabilities }] = (await call('GET', '/api/v1/capabilities')).json() as [
      TargetCapabilities,
    ];
    const reasons = Object.fromEntries(capabilities.map(({ kind, reason }) => [kind, reason]));
    expect(target).to.equal('rate');
    expect(Object.keys(reasons)).to.deep.equal([...ACTION_KINDS]);
    for (const kind of ['cpu-quota', 'link-delay', 'pool-size'])
      expect(reasons[kind], kind).to.equal(undefined);
    expect(reasons['cpu-frequency']).to.equal('no cpufreq policy for cpu 0: a virtual machine, or no driver');
    expect(reasons['llc-ways']).to.equal('resctrl is not mounted at /sys/fs/resctrl');
    expect(reasons['link-rate']).to.equal('rate has no link in the configuration');
    expect(reasons['limit-corunner']).to.equal('co_runners.allow names nobody who may be limited');
    for (const { supported, reason } of capabilities) expect(supported).to.equal(reason === undefined);
    expect(node.get(QUOTA)).to.equal('20000\n');
  });

  it('turns the kill switch on and undoes everything', async () => {
    await post('a', quota(0.5));
    expect((await call('POST', '/api/v1/kill')).json()).to.deep.equal({ killed: true });
    expect(node.get(QUOTA)).to.equal('20000');
    const refused = await post('b', quota(0.5));
    expect(refused.status).to.equal(503);
    expect(refused.json().error).to.include(`remove ${node.journalPath}.kill on the node`);
    expect(node.get('/journal.jsonl.kill')).to.match(
      /^asked for over HTTP by 127\.0\.0\.1 at 1970-01-01T00:00:00\.005Z\n$/,
    );
    const metrics = (await call('GET', '/metrics')).text;
    for (const line of ['sage_node_kill_switch 1', 'sage_node_changes_in_force 0'])
      expect(metrics).to.include(line);
  });

  it('says when to come back where changes come too fast', async () => {
    let answer = await post('a', quota(0.5));
    for (let i = 1; answer.status === 200; i++) answer = await post(`a${i}`, quota(i % 2 ? 0.4 : 0.5));
    expect([answer.status, answer.headers.get('retry-after')]).to.deep.equal([429, '60']);
    expect(answer.json().error).to.include('60 changes in the last minute');
  });

  it('is not led astray by paths', async () => {
    const { port } = new URL(agent.url);
    for (const path of [
      '/api/v1/../../etc/passwd',
      '/api/v1/actions/../../../etc/passwd',
      '//etc/passwd',
      '/api/v1/actions/%2e%2e%2fetc',
      '/api/v1/actions/%',
    ]) {
      const status = await new Promise<number | undefined>((resolve, reject) => {
        const headers = { authorization: 'Bearer secret' };
        const sent = request({ host: '127.0.0.1', port, path, method: 'DELETE', headers }, (response) => {
          response.resume();
          resolve(response.statusCode);
        });
        sent.on('error', reject);
        sent.end();
      });
      expect(status, path).to.be.oneOf([400, 404]);
    }
  });

  it('waits for no client that says nothing or never ends', async function () {
    this.timeout(30_000);
    const { port } = new URL(agent.url);
    const ends = [
      'GET /-/healthy HTTP/1.1\r\nhost: a\r\n',
      'POST /api/v1/actions HTTP/1.1\r\nhost: a\r\nauthorization: Bearer secret\r\ncontent-type: application/json\r\ncontent-length: 60000\r\n\r\n{',
    ].map(
      (text) =>
        new Promise<string>((resolve) => {
          const socket = connect(Number(port), '127.0.0.1', () => socket.write(text));
          let answer = '';
          socket.on('data', (chunk) => {
            answer += chunk;
          });
          socket.on('close', () => resolve(answer));
        }),
    );
    for (const answer of await Promise.all(ends)) expect(answer).to.match(/^HTTP\/1\.1 408 /);
    expect((await call('GET', '/-/healthy')).status).to.equal(200);
  });

  it('refuses a second agent with its journal, and says who has it', async () => {
    await post('a', quota(0.5));
    const logger = silentLogger;
    const clock = new ManualClock(5);
    const second = await startAgent(node.config(), { clock, monotonicMs: () => 0, fetch, logger, pid: 2 });
    expect(second.ok ? '' : second.message).to.equal(
      `one agent writes to a node: the node agent with process 1 holds ${node.journalPath}.lock`,
    );
    expect(node.get(QUOTA)).to.equal('50000');
  });

  it('refuses a second agent on its port, and leaves the journal of the first alone', async () => {
    await post('a', quota(0.5));
    const config = { ...node.config(), listen: { host: '127.0.0.1', port: agent.port } };
    const second = await startAgent(config, {
      clock: new ManualClock(5),
      monotonicMs: () => 0,
      fetch,
      logger: silentLogger,
      pid: 1,
    });
    expect(second.ok ? '' : second.reason).to.equal('listen');
    expect(node.get(QUOTA)).to.equal('50000');
  });
});
