import { copyFileSync, writeFileSync } from 'node:fs';
import { request as httpsRequest, type RequestOptions } from 'node:https';
import { ManualClock, silentLogger } from '@sage/core';
import { expect } from 'chai';
import { type Agent, startAgent } from '../src/agent.js';
import { certificateNames } from '../src/credentials.js';
import { Authority, type Pair } from './certificates.js';
import { CGROUP_V1, Node, processFiles, quota, unwrap } from './fixture.js';

const QUOTA = '/sys/fs/cgroup/cpu/demo/rate/cpu.cfs_quota_us';

describe('names of a certificate', () => {
  for (const [subjectaltname, names] of [
    [
      'DNS:a, URI:spiffe://c/ns/x, IP Address:127.0.0.1, email:a@b',
      ['cn', 'a', 'spiffe://c/ns/x', '127.0.0.1', 'a@b'],
    ],
    // Text that would be two names is one.
    ['URI:"http://a/?x=, DNS:sage-engine"', ['cn', 'http://a/?x=, DNS:sage-engine']],
    [undefined, ['cn']],
  ] as const) {
    it(`are read from ${subjectaltname}`, () => {
      const subject = { CN: 'cn' } as never;
      expect(certificateNames({ subject, ...(subjectaltname && { subjectaltname }) })).to.deep.equal(names);
    });
  }
});

describe('the API over TLS', () => {
  let node: Node;
  let authority: Authority;
  let server: Pair;
  let client: Pair;
  let agent: Agent;
  before(() => {
    node = new Node({ ...CGROUP_V1, ...processFiles(100, '0') });
    authority = new Authority(node.root);
    server = authority.issue('node-1', 'IP:127.0.0.1', 'server');
    client = authority.issue('sage-engine', 'DNS:engine.sage.svc');
  });
  after(() => node.remove());
  afterEach(() => agent.close());

  const start = async (tls: string, token = '') => {
    const config = node.config(
      `tls: { cert_file: ${server.certFile}, key_file: ${server.keyFile}, ${tls} }\n${token}` +
        'targets: [{ name: rate, pids: [100], cgroup: demo/rate }]',
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
    expect(agent.url).to.match(/^https:/);
  };
  const call = (path: string, options: RequestOptions & { body?: string } = {}) =>
    new Promise<{ status: number; text: string }>((resolve, reject) => {
      const { body, ...rest } = options;
      const url = new URL(`${agent.url}${path}`);
      const sent = httpsRequest(url, { ca: authority.ca, agent: false, ...rest }, (response) => {
        let text = '';
        response.on('data', (chunk) => {
          text += chunk;
        });
        response.on('end', () => resolve({ status: response.statusCode ?? 0, text }));
      });
      sent.on('error', reject);
      sent.end(body);
    });
  const mutual = () => `client_ca_file: ${authority.caFile}`;
  const statusWith = async (pair: Partial<Pair>, path = '/api/v1/targets') =>
    (await call(path, { cert: pair.cert, key: pair.key })).status;

  it('serves whoever has a certificate of the authority, and health checks to everybody', async () => {
    await start(mutual());
    const stranger = new Authority(node.root, 'other').issue('sage-engine', 'DNS:x', 'stranger');
    expect(await statusWith(client)).to.equal(200);
    expect(await statusWith({})).to.equal(401);
    expect(await statusWith(stranger)).to.equal(401);
    expect((await call('/api/v1/targets')).text).to.include(
      'expected a client certificate of tls.client_ca_file',
    );
    expect(await statusWith({}, '/-/ready')).to.equal(200);
    const refused = await call('/api/v1/actions', {
      method: 'POST',
      cert: stranger.cert,
      key: stranger.key,
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ id: 'a', action: quota(0.5) }),
    });
    expect([refused.status, node.get(QUOTA)]).to.deep.equal([401, '20000\n']);
  });

  it('serves only the allowed names, common or alternative', async () => {
    const other = authority.issue('someone', 'DNS:someone.svc');
    for (const [allowed, statuses] of [
      ['sage-engine', [200, 403]],
      ['engine.sage.svc', [200, 403]],
      ['someone.svc', [403, 200]],
    ] as const) {
      await start(`${mutual()}, allowed_clients: [${allowed}]`);
      expect([await statusWith(client), await statusWith(other)]).to.deep.equal(statuses);
      await agent.close();
    }
  });

  it('wants a token as well where there is one', async () => {
    node.put('/token', 'secret');
    await start(mutual(), `token_file: ${node.root}/token\n`);
    expect(await statusWith(client)).to.equal(401);
    const headers = { authorization: 'Bearer secret' };
    expect((await call('/metrics', { cert: client.cert, key: client.key, headers })).status).to.equal(200);
    expect((await call('/metrics', { headers })).status).to.equal(401);
  });

  it('speaks no TLS below 1.2, and no plain HTTP', async () => {
    await start(mutual());
    let old: unknown;
    await call('/-/ready', { maxVersion: 'TLSv1.1', minVersion: 'TLSv1' }).catch((error) => {
      old = error;
    });
    expect(String(old)).to.match(/alert protocol version|no protocols available|unsupported protocol|EPROTO/);
    const plain = await fetch(agent.url.replace('https', 'http')).then(
      () => 'answered',
      () => 'refused',
    );
    expect(plain).to.equal('refused');
  });

  it('takes new certificates and a new token when told to, and keeps the old ones where they are wrong', async () => {
    node.put('/token', 'first');
    await start(mutual(), `token_file: ${node.root}/token\n`);
    const next = new Authority(node.root, 'next');
    const [nextServer, nextClient] = [
      next.issue('node-1', 'IP:127.0.0.1', 'ns'),
      next.issue('e', 'DNS:e', 'nc'),
    ];
    copyFileSync(nextServer.certFile, server.certFile);
    const half = agent.reload();
    expect(half.ok ? '' : half.message).to.include('and the key that belongs to them');
    const with_ = (pair: Pair, ca: string, token: string) =>
      call('/metrics', { cert: pair.cert, key: pair.key, ca, headers: { authorization: `Bearer ${token}` } });
    const kept = await with_(client, authority.ca, 'first');
    expect(kept.status).to.equal(200);
    expect(kept.text).to.include('sage_node_config_last_reload_successful 0');

    copyFileSync(nextServer.keyFile, server.keyFile);
    writeFileSync(authority.caFile, next.ca);
    node.put('/token', 'second');
    unwrap(agent.reload());
    const renewed = await with_(nextClient, next.ca, 'second');
    expect(renewed.status).to.equal(200);
    expect(renewed.text).to.include('sage_node_config_last_reload_successful 1');
    expect((await with_(client, next.ca, 'second')).status).to.equal(401);
    expect((await with_(nextClient, next.ca, 'first')).status).to.equal(401);
  });
});
