import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TLSSocket } from 'node:tls';
import { expect } from 'chai';
import { loadConfig } from '../src/config/load.js';
import { createTlsFetch } from '../src/http/tls-fetch.js';
import { createNodeAgentClient } from '../src/sources/node-agent-client.js';

const EC = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '1'];

describe('node agents over TLS', () => {
  const folder = mkdtempSync(join(tmpdir(), 'sage-tls-'));
  /** Each is its own authority. */
  const certify = (name: string) => {
    const [key, cert] = [join(folder, `${name}.key`), join(folder, `${name}.crt`)];
    const names = ['-subj', `/CN=${name}`, '-addext', 'subjectAltName=IP:127.0.0.1'];
    execFileSync('openssl', ['req', '-x509', ...EC, ...names, '-keyout', key, '-out', cert], {
      stdio: 'pipe',
    });
    return { key: readFileSync(key, 'utf8'), cert: readFileSync(cert, 'utf8') };
  };
  let server: Server;
  let url: string;
  let engine: { key: string; cert: string };
  let node: { key: string; cert: string };
  const bodies: string[] = [];
  before(async () => {
    engine = certify('engine');
    node = certify('node');
    const options = { ...node, ca: engine.cert, requestCert: true, rejectUnauthorized: false };
    server = createServer(options, (request, response) => {
      const isKnown = (request.socket as TLSSocket).authorized;
      let body = `${request.method} ${request.url} ${request.headers.authorization ?? ''} `;
      request.on('data', (chunk) => {
        body += chunk;
      });
      request.on('end', () => {
        bodies.push(body);
        if (request.url?.endsWith('/slow')) return;
        response.statusCode = isKnown ? 200 : 401;
        response.end(isKnown ? '[{"target":"rate"}]' : '{"error":"who are you"}');
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  after(() => {
    server.closeAllConnections();
    server.close();
    rmSync(folder, { recursive: true });
  });
  const neverCalled: typeof fetch = () => Promise.reject(new Error('the plain fetch was called'));
  const clientOf = (tls: { ca?: string; cert?: string; key?: string }) => {
    const identity = { ca: tls.ca, cert: tls.cert, key: tls.key };
    return createNodeAgentClient({ name: 'n', url, token: 'secret', tls: identity }, neverCalled);
  };

  it('show a certificate, and take that of an authority of ours', async () => {
    const client = clientOf({ ca: node.cert, ...engine });
    expect(await client.targets()).to.deep.equal({ ok: true, value: [{ target: 'rate' }] });
    expect(bodies.at(-1)).to.equal('GET /api/v1/targets Bearer secret ');
    await client.act('i', { kind: 'cpu-quota', target: 'rate', cores: 1 }, 60);
    expect(bodies.at(-1)).to.match(
      /^POST \/api\/v1\/actions Bearer secret \{"id":"i","action":\{"kind":"cpu-quota"/,
    );
  });

  it('are told whose certificate is not taken', async () => {
    const unknown = await clientOf({ ca: engine.cert, ...engine }).targets();
    expect(unknown.ok ? '' : unknown.message).to.match(/^GET https:.*: self-signed certificate/);
    const stranger = await clientOf({ ca: node.cert, ...node }).targets();
    expect(stranger.ok ? '' : stranger.message).to.match(/status 401: \{"error":"who are you"\}$/);
  });

  it('are not waited for without end', async () => {
    const tlsFetch = createTlsFetch({ ca: node.cert, cert: engine.cert, key: engine.key });
    const slow = tlsFetch(`${url}/slow`, { signal: AbortSignal.timeout(50) });
    expect(
      await slow.then(
        () => 'answered',
        (error: Error) => error.name,
      ),
    ).to.match(/AbortError|TimeoutError/);
  });

  it('are configured by files, which are looked into at once', () => {
    const files: Record<string, string> = {
      ca: node.cert,
      cert: engine.cert,
      key: engine.key,
      other: node.key,
      text: 'x',
    };
    const load = (tls: string) =>
      loadConfig(
        `objectives: [{ name: o, service: s, operation: p, threshold_ms: 1 }]\nnode_agents: [{ name: n, url: "${url}", tls: ${tls} }]`,
        { readFile: (path) => files[path] ?? 'none' },
      );
    const right = load('{ ca_file: ca, cert_file: cert, key_file: key }');
    expect(right.ok && right.value.nodeAgents[0]?.tls).to.deep.equal({
      ca: node.cert.trim(),
      cert: engine.cert.trim(),
      key: engine.key.trim(),
    });
    const swarm = loadConfig(
      `objectives: [{ name: o, service: s, operation: p, threshold_ms: 1 }]\norchestrator: { swarm: { url: 'tcp://d', tls: { ca_file: ca, cert_file: cert, key_file: key } } }`,
      { readFile: (path) => files[path] ?? 'none' },
    );
    expect(swarm.ok && swarm.value.orchestrator).to.deep.include({
      tls: { ca: node.cert.trim(), cert: engine.cert.trim(), key: engine.key.trim() },
    });
    for (const [tls, expected] of [
      ['{ cert_file: cert }', /^node_agents\[0\]\.tls: expected cert_file and key_file, both or none/],
      [
        '{ cert_file: cert, key_file: other }',
        /^node_agents\[0\]\.tls: expected certificates in PEM and the key/,
      ],
      ['{ ca_file: text }', /^node_agents\[0\]\.tls: expected certificates in PEM/],
      ['{ ca: ca }', /^node_agents\[0\]\.tls\.ca: /],
    ] as const) {
      const wrong = load(tls);
      expect(wrong.ok ? '' : wrong.message).to.match(expected);
    }
  });
});
