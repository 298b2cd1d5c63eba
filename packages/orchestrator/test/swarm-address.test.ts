import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { expect } from 'chai';
import { openOrchestrator, type SwarmConfig } from '../src/index.js';
import { cart } from './docker-fixture.js';
import { DockerServer } from './docker-server.js';
import { eventually, refusal, tempFolder, testDeps, unwrap } from './support.js';

/** An authority, a server and a client that it knows, and another authority. */
function certificates(folder: string): void {
  const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: folder, stdio: 'pipe' });
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  for (const name of ['ca', 'other']) {
    openssl(
      'req',
      '-x509',
      ...curve,
      '-keyout',
      `${name}.key`,
      '-out',
      `${name}.pem`,
      '-subj',
      `/CN=${name}`,
      '-days',
      '2',
    );
  }
  for (const name of ['server', 'client']) {
    openssl('req', ...curve, '-keyout', `${name}.key`, '-out', `${name}.csr`, '-subj', `/CN=${name}`);
    writeFileSync(join(folder, 'extensions'), 'subjectAltName=IP:127.0.0.1');
    const signed = [
      '-CA',
      'ca.pem',
      '-CAkey',
      'ca.key',
      '-CAcreateserial',
      '-extfile',
      'extensions',
      '-days',
      '2',
    ];
    openssl('x509', '-req', '-in', `${name}.csr`, '-out', `${name}.pem`, ...signed);
  }
}

describe('the address of a Docker Engine', () => {
  const swarm = (url: string, tls?: SwarmConfig['tls']): SwarmConfig => ({
    kind: 'swarm',
    url,
    tls,
    serviceLabel: undefined,
    pollSeconds: 0.02,
  });

  it('knows nothing before the first answer', async () => {
    const orchestrator = unwrap(await openOrchestrator(swarm('unix:///nowhere/docker.sock'), testDeps()));
    try {
      expect(orchestrator.instances()).to.deep.equal([]);
      expect(refusal(await orchestrator.scaleState('cart'))).to.match(
        /^unreachable: the services are not known yet/,
      );
    } finally {
      await orchestrator.close();
    }
  });

  for (const [url, expected] of [
    [
      'ssh://host',
      /^invalid: expected unix:\/\/\/path, http:\/\/host:port or https:\/\/host:port, got ssh:\/\/host$/,
    ],
    ['tcp://', /^invalid: expected unix:/],
  ] as const) {
    it(`refuses the address ${url}`, async () => {
      expect(refusal(await openOrchestrator(swarm(url), testDeps()))).to.match(expected);
    });
  }

  describe('over TCP', () => {
    const folder = tempFolder();
    const read = (name: string) => readFileSync(join(folder, name), 'utf8');
    before(function () {
      try {
        certificates(folder);
      } catch (error) {
        if (process.env.CI !== undefined) throw error;
        process.stdout.write(`      skipped: needs openssl: ${error}\n`);
        this.skip();
      }
    });

    it('shows its certificate and checks that of the engine', async () => {
      const server = new DockerServer((listener) => {
        const options = { ca: read('ca.pem'), cert: read('server.pem'), key: read('server.key') };
        return createTlsServer({ ...options, requestCert: true, rejectUnauthorized: true }, listener);
      });
      cart(server);
      const { port } = (await server.listen(0)).address() as AddressInfo;
      const url = `tcp://127.0.0.1:${port}`;
      const tls = { ca: read('ca.pem'), cert: read('client.pem'), key: read('client.key') };
      const deps = testDeps();
      const known = unwrap(await openOrchestrator(swarm(url, tls), deps));
      const other = { ...tls, ca: read('other.pem') };
      const warned = testDeps();
      const deceived = unwrap(await openOrchestrator(swarm(url, other), warned));
      try {
        await eventually('it is polled', () => known.instances().length === 2);
        unwrap(await known.scale('cart', 3));
        await eventually('the other refuses', () => warned.lines.length > 0);
        expect(warned.lines[0]).to.match(/self-signed certificate|unable to verify/);
        expect(deceived.instances()).to.deep.equal([]);
      } finally {
        await known.close();
        await deceived.close();
        await server.close();
      }
    });
  });

  it('refuses certificates for an address that is not encrypted', async () => {
    const tls = { ca: 'a', cert: 'b', key: 'c' };
    expect(refusal(await openOrchestrator(swarm('http://h:2375', tls), testDeps()))).to.match(
      /^invalid: certificates/,
    );
  });
});
