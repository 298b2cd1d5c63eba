import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { readCacheDomains } from '../src/procfs/cache.js';
import { findTarget } from '../src/targets/find-target.js';
import { containerIdOf, podUidOf } from '../src/targets/group-names.js';
import { findVirtualLinks } from '../src/targets/network.js';
import { Node, processFiles, type Tree, unwrap } from './fixture.js';
import {
  ID,
  OTHER_ID,
  PAUSE_ID,
  POD,
  POD_SLICE,
  POD_V1,
  POD_V2,
  putLink,
  V1_MOUNTS,
  V2_MOUNT,
  v1Group,
  v2Group,
} from './group-trees.js';

const named = (how: string) => `targets: [{ name: rate, ${how} }]`;
const LOGS: Tree = {
  [`/var/log/pods/shop_cart-6d5f_${POD}/server/0.log`]: '',
  [`/var/log/containers/cart-6d5f_shop_server-${ID}.log`]: '',
  [`/var/log/containers/cart-6d5f_shop_side-car-${OTHER_ID}.log`]: '',
};

describe('a target', () => {
  let node: Node;
  afterEach(() => node.remove());

  const find = (tree: Tree, how: string) => {
    node = new Node(tree);
    const site = node.site(node.config(named(how)));
    return findTarget(site, site.config.targets[0] as never);
  };

  for (const [what, tree, path] of [
    ['docker, cgroupfs, v1', { ...V1_MOUNTS, ...v1Group(`docker/${ID}`, [100, 101]) }, `docker/${ID}`],
    [
      'docker, systemd, v2',
      { ...V2_MOUNT, ...v2Group(`system.slice/docker-${ID}.scope`, [100, 101]) },
      `system.slice/docker-${ID}.scope`,
    ],
    [
      'containerd in a pod, systemd, v2',
      { ...V2_MOUNT, ...v2Group(`${POD_V2}/cri-containerd-${ID}.scope`, [100, 101]) },
      `${POD_V2}/cri-containerd-${ID}.scope`,
    ],
    [
      'CRI-O with its monitor beside it, v2',
      {
        ...V2_MOUNT,
        ...v2Group(`${POD_V2}/crio-conmon-${ID}.scope`, [99]),
        ...v2Group(`${POD_V2}/crio-${ID}.scope`, []),
        ...v2Group(`${POD_V2}/crio-${ID}.scope/container`, [100, 101]),
      },
      `${POD_V2}/crio-${ID}.scope`,
    ],
    [
      'containerd in a pod, cgroupfs, v1',
      { ...V1_MOUNTS, ...v1Group(`${POD_V1}/${ID}`, [100, 101]) },
      `${POD_V1}/${ID}`,
    ],
    [
      'a systemd path given to a cgroupfs runtime, v1',
      {
        ...V1_MOUNTS,
        ...v1Group(`system.slice/containerd.service/${POD_SLICE}:cri-containerd:${ID}`, [100, 101]),
      },
      `system.slice/containerd.service/${POD_SLICE}:cri-containerd:${ID}`,
    ],
  ] as const) {
    it(`is found by the id of its container: ${what}`, () => {
      const found = unwrap(find(tree, `container_id: ${ID.slice(0, 12)}`));
      expect(found.pids).to.deep.equal([100, 101]);
      const mounts = Object.keys(tree).includes('/sys/fs/cgroup/cgroup.controllers')
        ? ['/sys/fs/cgroup', '/sys/fs/cgroup', '/sys/fs/cgroup', '/sys/fs/cgroup']
        : ['cpu,cpuacct', 'cpuset', 'memory', 'blkio'].map((name) => `/sys/fs/cgroup/${name}`);
      for (const [index, controller] of (['cpu', 'cpuset', 'memory', 'io'] as const).entries()) {
        expect(unwrap(found.group(controller)).directory).to.equal(`${mounts[index]}/${path}`);
      }
    });
  }

  const pod = {
    ...V2_MOUNT,
    ...LOGS,
    ...v2Group(`${POD_V2}/cri-containerd-${PAUSE_ID}.scope`, [90]),
    '/proc/90/comm': 'pause\n',
    ...v2Group(`${POD_V2}/cri-containerd-${ID}.scope`, [100]),
    ...v2Group(`${POD_V2}/cri-containerd-${OTHER_ID}.scope`, [200]),
  };

  for (const [how, pids] of [
    ['pod: shop/cart-6d5f, container: server', [100]],
    ['pod: shop/cart-6d5f, container: side-car', [200]],
    [`pod: ${POD}, container: server`, [100]],
  ] as const) {
    it(`is found by its pod: ${how.replace(POD, 'uid')}`, () => {
      expect(unwrap(find(pod, how)).pids).to.deep.equal(pids);
    });
  }

  it('is found by the link to its log, wherever that leads from here', () => {
    const link = `/var/log/containers/cart-6d5f_shop_server-${ID}.log`;
    const { [link]: _, ...rest } = pod as Tree;
    node = new Node(rest);
    putLink(node, link, '/var/log/pods/elsewhere/server/0.log');
    const listed: string[] = [];
    const base = node.system();
    const list = (path: string) => {
      listed.push(path);
      return base.list(path);
    };
    const site = node.site(node.config(named('pod: shop/cart-6d5f, container: server')), { ...base, list });
    expect(unwrap(findTarget(site, site.config.targets[0] as never)).pids).to.deep.equal([100]);
    expect(listed).to.deep.equal(['/var/log/pods']);
  });

  it('is the only container of a pod that is not its sandbox, without any log too', () => {
    const tree = Object.fromEntries(
      Object.entries(pod).filter(([path]) => !path.startsWith('/var/log/') && !path.includes(OTHER_ID)),
    );
    expect(unwrap(find(tree, `pod: ${POD}`)).pids).to.deep.equal([100]);
  });

  it('is found again when its container restarts under another id, or its pod under another uid', () => {
    node = new Node(pod);
    const site = node.site(node.config(named('pod: shop/cart-6d5f, container: server')));
    const target = site.config.targets[0] as never;
    expect(unwrap(findTarget(site, target)).pids).to.deep.equal([100]);
    const kubepods = '/sys/fs/cgroup/kubepods.slice/kubepods-burstable.slice';
    rmSync(join(node.root, `/sys/fs/cgroup/${POD_V2}/cri-containerd-${ID}.scope`), { recursive: true });
    expect(findTarget(site, target).ok).to.equal(false);
    const restarted = ID.replaceAll('7', '8');
    node.put(`/sys/fs/cgroup/${POD_V2}/cri-containerd-${restarted}.scope/cgroup.procs`, '300\n');
    node.put(`/var/log/containers/cart-6d5f_shop_server-${restarted}.log`, '');
    expect(unwrap(findTarget(site, target)).pids).to.deep.equal([300]);

    rmSync(join(node.root, `/sys/fs/cgroup/${POD_V2}`), { recursive: true });
    const uid = POD.replaceAll('1', 'a');
    const slice = `${kubepods}/kubepods-burstable-pod${uid.replaceAll('-', '_')}.slice`;
    node.put(`${slice}/cri-containerd-${OTHER_ID}.scope/cgroup.procs`, '400\n');
    node.put(`/var/log/containers/cart-6d5f_shop_server-${OTHER_ID}.log`, '');
    rmSync(join(node.root, `/var/log/containers/cart-6d5f_shop_side-car-${OTHER_ID}.log`));
    node.put(`/var/log/pods/shop_cart-6d5f_${uid}/server/0.log`, '');
    expect(unwrap(findTarget(site, target)).pids).to.deep.equal([400]);
  });

  it('is found by its unit, and has groups in v2 where it has one', () => {
    const found = unwrap(
      find({ ...V2_MOUNT, ...v2Group('system.slice/rate.service', [100]) }, 'systemd_unit: rate.service'),
    );
    expect(found.pids).to.deep.equal([100]);
    expect(unwrap(found.group('memory')).directory).to.equal('/sys/fs/cgroup/system.slice/rate.service');
  });

  it('is found by a unit that has a group in the tree of systemd alone, and then none whose knobs are its own', () => {
    const tree = { ...V1_MOUNTS, '/sys/fs/cgroup/systemd/system.slice/rate.service/cgroup.procs': '100\n' };
    const found = unwrap(find(tree, 'systemd_unit: rate.service'));
    expect(found.pids).to.deep.equal([100]);
    const group = found.group('cpu');
    expect(group.ok ? '' : group.message).to.equal(
      'the cgroup /sys/fs/cgroup/cpu,cpuacct/system.slice/rate.service of rate does not exist',
    );
  });

  it('is found by its pids, those that live', () => {
    const found = unwrap(find({ ...V1_MOUNTS, ...processFiles(101, '0') }, 'pids: [100, 101]'));
    expect(found.pids).to.deep.equal([101]);
  });

  for (const [what, tree, how, text] of [
    ['no such container', pod, `container_id: ${'a'.repeat(12)}`, `no container ${'a'.repeat(12)} runs here`],
    [
      'two containers with one prefix',
      { ...pod, ...v2Group(`docker-${ID.slice(0, 12).padEnd(64, '0')}.scope`, [1]) },
      `container_id: ${ID.slice(0, 12)}`,
      'is not one but several',
    ],
    ['no such pod', pod, 'pod: shop/basket', '/var/log/pods knows no pod shop/basket'],
    ['a pod that has gone', LOGS, 'pod: shop/cart-6d5f', 'no cgroup of the pod shop/cart-6d5f is here'],
    [
      'one of several containers',
      pod,
      'pod: shop/cart-6d5f',
      'runs server, side-car: expected only one container',
    ],
    [
      'no such container of the pod',
      pod,
      'pod: shop/cart-6d5f, container: db',
      'runs server, side-car: expected one container "db"',
    ],
    ['no such unit', pod, 'systemd_unit: a.service', 'no unit a.service runs here'],
    ['no such cgroup', pod, 'cgroup: demo/x', 'no cgroup demo/x is here'],
    ['no such process', pod, 'pids: [4711]', 'no process 4711 runs'],
  ] as const) {
    it(`is not found: ${what}`, () => {
      const found = find(tree, how);
      expect(found.ok ? '' : found.message).to.include(text);
    });
  }

  it('that is missing is looked for a hundredth of the time at most', () => {
    node = new Node(pod);
    let nowMs = 0;
    let walks = 0;
    const system = node.system();
    const counting = {
      ...system,
      directories: (path: string) => {
        if (path === '/sys/fs/cgroup') {
          walks++;
          nowMs += 20;
        }
        return system.directories(path);
      },
    };
    const site = node.site(node.config(named(`container_id: ${'a'.repeat(12)}`)), counting, () => nowMs);
    for (let tick = 0; tick < 10; tick++) {
      expect(findTarget(site, site.config.targets[0] as never).ok).to.equal(false);
      nowMs += 1000;
    }
    // A walk takes 20 ms: the next one may come 2 s later.
    expect(walks).to.equal(5);
  });
});

describe('names of groups', () => {
  for (const [name, id] of [
    [ID, ID],
    [`docker-${ID}.scope`, ID],
    [`cri-containerd-${ID}.scope`, ID],
    [`crio-${ID}.scope`, ID],
    [`libpod-${ID}.scope`, ID],
    [`libpod-conmon-${ID}.scope`, undefined],
    [`crio-conmon-${ID}.scope`, undefined],
    [`${POD_SLICE}:cri-containerd:${ID}`, ID],
    [`docker-${ID}`.slice(0, -1), undefined],
    [`../${ID}`, undefined],
    ['docker', undefined],
  ] as const) {
    it(`${name.slice(0, 40)} is ${id === undefined ? 'no container' : 'a container'}`, () => {
      expect(containerIdOf(name)).to.equal(id);
    });
  }
  for (const [name, uid] of [
    [`pod${POD}`, POD],
    [POD_SLICE, POD],
    [`kubepods-pod${POD.replaceAll('-', '_')}.slice`, POD],
    [`kubelet-kubepods-besteffort-pod${POD.replaceAll('-', '_')}.slice`, POD],
    [`kubepods-podeec9f8d3c4b2a1f0e9d8c7b6a5f4e3d2.slice`, 'eec9f8d3c4b2a1f0e9d8c7b6a5f4e3d2'],
    ['kubepods-burstable.slice', undefined],
    ['podman.service', undefined],
  ] as const) {
    it(`${name.slice(0, 40)} is ${uid === undefined ? 'no pod' : 'a pod'}`, () => {
      expect(podUidOf(name)).to.equal(uid);
    });
  }
});

describe('what is around a target', () => {
  let node: Node;
  afterEach(() => node.remove());

  const interfaces = (folder: string, all: Record<string, readonly [number, number]>): Tree =>
    Object.fromEntries(
      Object.entries(all).flatMap(([name, [index, link]]) => [
        [`${folder}/${name}/ifindex`, `${index}\n`],
        [`${folder}/${name}/iflink`, `${link}\n`],
      ]),
    );
  const inside = '/proc/100/root/sys/class/net';

  it('is the interface of the node whose other end its network namespace has, by both numbers', () => {
    node = new Node({
      ...interfaces(inside, { lo: [1, 1], eth0: [2, 17] }),
      ...interfaces('/sys/class/net', {
        lo: [1, 1],
        eth0: [2, 2],
        vethb: [16, 2],
        vetha: [17, 2],
        vethc: [18, 3],
      }),
    });
    putLink(node, '/proc/1/ns/net', 'net:[1]');
    putLink(node, '/proc/100/ns/net', 'net:[2]');
    expect(unwrap(findVirtualLinks(node.system(), 100))).to.deep.equal([{ device: 'vetha', inside: 'eth0' }]);
  });

  for (const [what, namespace, tree, text] of [
    ["in the node's network", 'net:[1]', {}, 'uses the network of the node itself'],
    ['without /sys', 'net:[2]', {}, 'its /sys/class/net is not readable'],
    [
      'on a macvlan',
      'net:[2]',
      interfaces(inside, { eth0: [2, 5] }),
      'no interface of the node is its other end',
    ],
  ] as const) {
    it(`is no interface ${what}`, () => {
      node = new Node(tree);
      putLink(node, '/proc/1/ns/net', 'net:[1]');
      putLink(node, '/proc/100/ns/net', namespace);
      const found = findVirtualLinks(node.system(), 100);
      expect(found.ok ? '' : found.message).to.include(text);
    });
  }

  it('are caches, with gaps in their ids, and none for instructions', () => {
    const cache = (cpu: number, index: number, [level, type, id, cpus]: readonly string[]): Tree =>
      Object.fromEntries(
        Object.entries({ level, type, id, shared_cpu_list: cpus }).map(([file, text]) => [
          `/sys/devices/system/cpu/cpu${cpu}/cache/index${index}/${file}`,
          `${text}\n`,
        ]),
      );
    node = new Node({
      ...cache(0, 0, ['1', 'Data', '0', '0']),
      ...cache(0, 1, ['1', 'Instruction', '0', '0']),
      ...cache(0, 3, ['3', 'Unified', '0', '0-3']),
      ...cache(4, 3, ['3', 'Unified', '2', '4-7']),
    });
    expect(readCacheDomains(node.system(), [0, 1, 4])).to.deep.equal([
      { level: 1, id: 0, cpus: [0] },
      { level: 3, id: 0, cpus: [0, 1, 2, 3] },
      { level: 3, id: 2, cpus: [4, 5, 6, 7] },
    ]);
  });
});
