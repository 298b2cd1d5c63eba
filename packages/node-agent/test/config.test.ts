import { expect } from 'chai';
import { loadAgentConfig } from '../src/config.js';
import { unwrap } from './fixture.js';

const base = 'node: n1\njournal: /tmp/j\n';
const target = 'targets: [{ name: rate, pids: [123] }]\n';

describe('configuration of the agent', () => {
  it('fills in what is left out, and starts in dry run', () => {
    const config = unwrap(loadAgentConfig(base + target));
    expect(config.dryRun).to.equal(true);
    expect(config.listen).to.deep.equal({ host: '127.0.0.1', port: 9465 });
    expect(config.leaseSeconds).to.equal(600);
    expect(config.targets[0]).to.include({ name: 'rate', maxCpuCores: 1, maxPoolSize: 64 });
  });

  for (const [what, text, ...expected] of [
    ['broken YAML', 'node: [', 'YAML:'],
    ['nothing', '', 'node: ', 'journal: ', 'targets: '],
    ['an unknown key', `${base}${target}nodes: 1\n`, 'nodes'],
    ['a wrong type', `${base}targets: [{ name: rate, pids: [one] }]`, 'targets[0].pids[0]: '],
    ['pid 1', `${base}targets: [{ name: rate, pids: [1] }]`, 'expected a pid above 1'],
    ['neither pids nor cgroup', `${base}targets: [{ name: rate }]`, 'expected pids, or a cgroup'],
    ['a path trick', `${base}targets: [{ name: rate, cgroup: ../x }]`, 'targets[0].cgroup: '],
    [
      'two ways to name a target',
      `${base}targets: [{ name: a, pids: [2], systemd_unit: a.service }]`,
      'targets[0]: expected pids, or a cgroup',
    ],
    [
      'a container id that is a path',
      `${base}targets: [{ name: a, container_id: ../../aaaaaaaaaaaa }]`,
      'targets[0].container_id: expected a container id',
    ],
    [
      'a container id that is too short to be one',
      `${base}targets: [{ name: a, container_id: 4f1c2d9ab03 }]`,
      'expected a container id: 12 to 64',
    ],
    [
      'a container id with its scheme',
      `${base}targets: [{ name: a, container_id: "docker://4f1c2d9ab03e" }]`,
      'without a scheme',
    ],
    ['a pod that is a path', `${base}targets: [{ name: a, pod: ../b }]`, 'expected namespace/name of a pod'],
    [
      'a pod without namespace',
      `${base}targets: [{ name: a, pod: cart }]`,
      'expected namespace/name of a pod',
    ],
    [
      'a container without its pod',
      `${base}targets: [{ name: a, pids: [2], container: server }]`,
      'targets[0].container: expected a pod, too',
    ],
    [
      'a unit that is a path',
      `${base}targets: [{ name: a, systemd_unit: ../a.service }]`,
      'expected the name of a service, scope or slice',
    ],
    [
      'a ceiling of memory below its floor',
      `${base}targets: [{ name: a, pids: [2], min_memory_bytes: 67108864, max_memory_bytes: 33554432 }]`,
      'targets[0].max_memory_bytes: expected at least min_memory_bytes, 67108864',
    ],
    ['an absolute cgroup', `${base}targets: [{ name: rate, cgroup: /x }]`, 'targets[0].cgroup: '],
    [
      'a name with a slash',
      `${base}targets: [{ name: a/b, pids: [2] }]`,
      'targets[0].name: expected letters',
    ],
    ['a name twice', `${base}targets: [{ name: a, pids: [2] }, { name: a, pids: [3] }]`, 'got "a" twice'],
    [
      'a device that is an option',
      `${base}targets: [{ name: a, pids: [2], link: { device: "a b", classid: "1:10", max_mbit: 1 } }]`,
      'link.device',
    ],
    [
      'a class without major',
      `${base}targets: [{ name: a, pids: [2], link: { device: a, classid: "10", max_mbit: 1 } }]`,
      'link.classid',
    ],
    [
      'a class and addresses',
      `${base}targets: [{ name: a, pids: [2], link: { device: a, classid: "1:1", addresses: [10.0.0.1], max_mbit: 1 } }]`,
      'not both',
    ],
    [
      'addresses without a device',
      `${base}targets: [{ name: a, pids: [2], link: { addresses: [10.0.0.1], max_mbit: 1 } }]`,
      'expected a device',
    ],
    [
      'an address that is none',
      `${base}targets: [{ name: a, pids: [2], link: { device: a, addresses: [10.0.0.0/8], max_mbit: 1 } }]`,
      'link.addresses[0]: expected an IPv4 or IPv6 address',
    ],
    [
      'one interface for two, of whom one is all of it',
      `${base}targets: [{ name: a, pids: [2], link: { device: e, addresses: [10.0.0.1], max_mbit: 1 } }, { name: b, pids: [3], link: { device: e, max_mbit: 1 } }]`,
      'targets[1].link: expected addresses of each target that shares e',
    ],
    [
      'one address for two',
      `${base}targets: [{ name: a, pids: [2], link: { device: e, addresses: ["::1"], max_mbit: 1 } }, { name: b, pids: [3], link: { device: e, addresses: ["::1"], max_mbit: 1 } }]`,
      'got ::1 twice',
    ],
    ['a file URL', `${base}targets: [{ name: a, pids: [2], pools_url: "file:///etc/passwd" }]`, 'pools_url'],
    [
      'a broken expression',
      `${base}${target}co_runners: { allow: ["("] }`,
      'co_runners.allow[0]: expected a regular expression',
    ],
    [
      'the world without a token',
      `${base}${target}listen: 0.0.0.0:9465\n`,
      'expected a loopback address, or a token_file',
    ],
    ['no port', `${base}${target}listen: localhost\n`, 'expected host:port'],
    [
      'the world with TLS that asks nobody who they are',
      `${base}${target}listen: 0.0.0.0:1\ntls: { cert_file: c, key_file: k }\n`,
      'listen: expected a loopback address, or a token_file or tls.client_ca_file',
    ],
    ['a certificate without its key', `${base}${target}tls: { cert_file: c }\n`, 'tls.key_file: '],
    [
      'names of clients that show no certificate',
      `${base}${target}tls: { cert_file: c, key_file: k, allowed_clients: [a] }\n`,
      'tls.allowed_clients: expected a client_ca_file beside it',
    ],
    [
      'a kind of action that there is not',
      `${base}${target}limits: { actions: [reboot] }\n`,
      'limits.actions[0]: expected one of cpu-quota, ',
    ],
    [
      'a bound of such a kind',
      `${base}${target}limits: { bounds: { reboot: { min: 1 } } }\n`,
      'limits.bounds: expected kinds of actions as keys: cpu-quota, ',
    ],
    [
      'a floor above its ceiling',
      `${base}${target}limits: { bounds: { cpu-quota: { min: 2, max: 1 } } }\n`,
      'limits.bounds.cpu-quota: expected min to be no greater than max',
    ],
    [
      'no changes at all',
      `${base}${target}limits: { changes_per_minute: 0 }\n`,
      'limits.changes_per_minute: ',
    ],
  ] as const) {
    it(`refuses ${what}`, () => {
      const config = loadAgentConfig(text);
      expect(config.ok).to.equal(false);
      if (!config.ok) for (const part of expected) expect(config.message).to.include(part);
    });
  }

  it('listens beyond loopback with a token, or knowing its clients', () => {
    for (const known of ['token_file: /t', 'tls: { cert_file: c, key_file: k, client_ca_file: a }']) {
      expect(loadAgentConfig(`${base}${target}listen: 0.0.0.0:1\n${known}\n`).ok, known).to.equal(true);
    }
  });
});
