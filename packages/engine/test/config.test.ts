import { expect } from 'chai';
import { modeOf, scaleBoundsOf } from '../src/config/config.js';
import { checkConfig, loadConfig } from '../src/config/load.js';

const objective = `{ name: a, service: s, operation: o, threshold_ms: 10 }`;
const minimal = `objectives: [${objective}]`;
const readFile = (path: string) => {
  if (path === 'token') return 'secret\n';
  if (path === 'empty') return '\n';
  if (path.endsWith('placement.yaml')) return 'services: { cart: [{ node: n }] }';
  if (path.endsWith('misplaced.yaml')) return 'services: { cart: [{ nod: n }] }';
  throw new Error(`ENOENT: no such file, open '${path}'`);
};
const messageOf = (text: string) => {
  const loaded = loadConfig(text, { readFile });
  return loaded.ok ? '' : loaded.message;
};

describe('configuration', () => {
  it('needs nothing but objectives', () => {
    const loaded = loadConfig(minimal, { readFile });
    if (!loaded.ok) throw new Error(loaded.message);
    expect(loaded.value).to.deep.include({
      listen: { host: '127.0.0.1', port: 9464 },
      windows: { seconds: 30, slideSeconds: 10 },
      actuation: {
        mode: 'observe',
        modes: new Map(),
        minProbability: 0.7,
        maxActions: 8,
        allow: undefined,
        scale: { others: undefined, services: new Map() },
      },
      trigger: { collector: true, brokenWindows: 2 },
    });
    expect(loaded.value.objectives[0]).to.deep.equal({
      name: 'a',
      service: 's',
      operation: 'o',
      percentile: 'p99Ms',
      thresholdMs: 10,
    });
  });

  it('knows what may be done by objective, and how far a service may be scaled', () => {
    const loaded = loadConfig(
      `objectives:
  - { name: a, service: s, operation: o, threshold_ms: 10, actuation: act }
  - { name: b, service: s, operation: o, threshold_ms: 10 }
actuation: { mode: recommend, allow: [scale], scale: { min: 2, max: 9, services: { db: { max: 3 }, x: { min: 1, max: 1 } } } }`,
      { readFile },
    );
    if (!loaded.ok) throw new Error(loaded.message);
    expect(['a', 'b', 'c'].map((name) => modeOf(loaded.value, name))).to.deep.equal([
      'act',
      'recommend',
      'recommend',
    ]);
    expect(['s', 'db', 'x', 'constructor'].map((name) => scaleBoundsOf(loaded.value, name))).to.deep.equal([
      { min: 2, max: 9 },
      { min: 2, max: 3 },
      { min: 1, max: 1 },
      { min: 2, max: 9 },
    ]);
  });

  it('reads token files and turns receivers off with null', () => {
    const loaded = loadConfig(
      `${minimal}\ngrafana: { url: http://g/, token_file: token }\nreceivers: { jaeger_udp: null }`,
      { readFile },
    );
    if (!loaded.ok) throw new Error(loaded.message);
    expect(loaded.value.grafana).to.deep.equal({ url: 'http://g', token: 'secret', dashboardUid: undefined });
    expect(loaded.value.receivers.jaegerUdp).to.equal(undefined);
  });

  const cases: [string, string, RegExp][] = [
    ['no objectives', '{}', /^objectives: expected a list, got nothing$/],
    ['an empty file', '', /^objectives: expected a list, got nothing$/],
    ['an empty list', 'objectives: []', /^objectives: expected at least one objective, got an empty list$/],
    ['not a mapping', '- 1', /expected a mapping, got a list/],
    [
      'an unknown key',
      `${minimal}\nlisen: 127.0.0.1:1`,
      /^lisen: expected listen \(did you mean it\?\), got an unknown key$/,
    ],
    [
      'an unknown nested key',
      `${minimal}\nwindows: { second: 3 }`,
      /^windows.second: expected seconds \(did you/,
    ],
    ['a key like no other', `${minimal}\nzzzzzzzzz: 1`, /^zzzzzzzzz: expected one of listen, data_dir/],
    [
      'an unknown key of an objective',
      `objectives: [{ name: a, service: s, operation: o, treshold_ms: 10, threshold_ms: 1 }]`,
      /^objectives\[0\]\.treshold_ms: expected threshold_ms \(did/,
    ],
    [
      'a port too large',
      `${minimal}\nlisten: 127.0.0.1:70000`,
      /^listen: expected host:port.*got "127.0.0.1:70000"$/,
    ],
    [
      'a bad schedule',
      `${minimal}\nlearning: { schedule: often }`,
      /^learning.schedule: expected a cron expression/,
    ],
    [
      'another mode',
      `objectives: [{ name: a, service: s, operation: o, threshold_ms: 1, actuation: acting }]`,
      /^objectives\[0\]\.actuation: expected one of observe, recommend, act, got "acting"$/,
    ],
    [
      'a kind of action that there is not',
      `${minimal}\nactuation: { allow: [reboot] }`,
      /^actuation\.allow\[0\]: expected one of cpu-quota, .*scale, got "reboot"$/,
    ],
    [
      'fewer replicas than the least',
      `${minimal}\nactuation: { scale: { min: 3, max: 2, services: { db: { max: 1 } } } }`,
      /^actuation\.scale\.max: expected a number no less than the least number of replicas \(3\), got 2\nactuation\.scale\.services\.db\.max: .*\(3\), got 1$/,
    ],
    [
      'no replicas',
      `${minimal}\nactuation: { scale: { max: 0 } }`,
      /^actuation\.scale\.max: expected at least 1/,
    ],
    [
      'a negative threshold',
      `objectives: [{ name: a, service: s, operation: o, threshold_ms: -1 }]`,
      /threshold_ms: expected a number above 0, got -1$/,
    ],
    [
      'a text as threshold',
      `objectives: [{ name: a, service: s, operation: o, threshold_ms: fast }]`,
      /threshold_ms: expected a number, got "fast"$/,
    ],
    [
      'two of one name',
      `objectives: [${objective}, ${objective}]`,
      /^objectives\[1\]\.name: expected a name that no other objective has, got "a"$/,
    ],
    [
      'a mode that is none',
      `${minimal}\nactuation: { mode: fix }`,
      /^actuation.mode: expected one of observe, recommend, act, got "fix"$/,
    ],
    ['a probability above 1', `${minimal}\nactuation: { min_probability: 2 }`, /expected at most 1, got 2$/],
    [
      'a feature that is none',
      `${minimal}\nprometheus: { url: http://p, features: { cpu_usage_core: x } }`,
      /cpu_usage_core: expected cpu_usage_cores \(did/,
    ],
    ['a URL that is none', `${minimal}\nprometheus: { url: localhost }`, /^prometheus.url: expected an http/],
    [
      'a slide that does not divide',
      `${minimal}\nwindows: { seconds: 30, slide_seconds: 7 }`,
      /^windows.slide_seconds: expected a number that divides/,
    ],
    [
      'a token file that is not there',
      `${minimal}\nalertmanager: { token_file: nowhere }`,
      /^alertmanager.token_file: expected a file that can be read, got ENOENT/,
    ],
    [
      'an empty token file',
      `${minimal}\nalertmanager: { token_file: empty }`,
      /^alertmanager.token_file: expected a file with a token/,
    ],
    [
      'user and password in a URL, and does not repeat them',
      `${minimal}\nprometheus: { url: 'http://me:hunter2@p:9090' }`,
      /^prometheus.url: expected a URL without user and password: they belong in prometheus.basic_auth, got "http:\/\/\*\*\*@p:9090"$/,
    ],
    [
      'a token in the URL of a node agent',
      `${minimal}\nnode_agents: [{ name: a, url: 'https://hunter2@a' }]`,
      /^node_agents\[0\]\.url: .* belong in token_file, got "https:\/\/\*\*\*@a"$/,
    ],
    [
      'user and password in what is hardly a URL',
      `${minimal}\ngrafana: { url: 'http://me:hun/ter2@g' }`,
      /^grafana.url: expected an http:\/\/ or https:\/\/ URL, got "http:\/\/\*\*\*@g"$/,
    ],
    [
      'two ways to authenticate',
      `${minimal}\nalertmanager: { token_file: token, basic_auth: { username: a, password_file: token } }`,
      /^alertmanager: expected at most one way to authenticate, got token_file and basic_auth$/,
    ],
    [
      'a header beside a token',
      `${minimal}\nprometheus: { url: http://p, token_file: token, headers: { authorization: x } }`,
      /^prometheus: expected at most one way to authenticate, got token_file and headers.authorization$/,
    ],
    [
      'a header that is none',
      `${minimal}\nprometheus: { url: http://p, headers: { 'X Scope': x } }`,
      /^prometheus.headers.X Scope: expected the name of a header, got "X Scope"$/,
    ],
    [
      'a colon in a user name',
      `${minimal}\nalertmanager: { basic_auth: { username: 'a:b', password_file: token } }`,
      /^alertmanager.basic_auth.username: expected a user name, which holds no colon, got "a:b"$/,
    ],
    [
      'an empty password file',
      `${minimal}\nprometheus: { url: http://p, basic_auth: { username: a, password_file: empty } }`,
      /^prometheus.basic_auth.password_file: expected a file with a password, got empty, which is empty$/,
    ],
    [
      'a default slide longer than the window',
      `${minimal}\nwindows: { seconds: 5 }`,
      /^windows.slide_seconds: expected a number no greater than windows.seconds \(5\), got 10, the default$/,
    ],
    [
      'a history shorter than what learning needs',
      `${minimal}\nlearning: { history_windows: 50 }`,
      /^learning.min_windows: expected a number no greater than learning.history_windows \(50\), got 60, the default$/,
    ],
    [
      'two orchestrators',
      `${minimal}\norchestrator: { kubernetes: {}, static: { file: placement.yaml } }`,
      /^orchestrator: expected one of kubernetes, swarm, static, got kubernetes and static$/,
    ],
    ['no orchestrator where one is announced', `${minimal}\norchestrator: {}`, /, got none of them$/],
    [
      'an address that Docker cannot have',
      `${minimal}\norchestrator: { swarm: { url: 'ssh://docker' } }`,
      /^orchestrator.swarm.url: expected unix:\/\/\/path, http:\/\/host:port or https:\/\/host:port, got "ssh:\/\/docker"$/,
    ],
    [
      'certificates that are none',
      `${minimal}\norchestrator: { swarm: { url: 'https://d:2376', tls: { ca_file: token, cert_file: token, key_file: empty } } }`,
      /^orchestrator.swarm.tls.key_file: expected a file with certificates or a key in PEM, .*\norchestrator.swarm.tls: expected certificates in PEM and the key/,
    ],
    [
      'an unknown key of an orchestrator, and says which it knows',
      `${minimal}\norchestrator: { kubernetes: { namespace: shop } }`,
      /^orchestrator.kubernetes.namespace: expected namespaces \(did you mean it\?\)/,
    ],
    [
      'an unknown key of one service, and says which it knows',
      `${minimal}\nactuation: { scale: { services: { a: { max: 2, mix: 1, foo: 1 } } } }`,
      /services.a.mix: expected (min|max) \(did you mean it\?\).*\n.*services.a.foo: expected one of min, max, got an unknown key$/,
    ],
    [
      'a number of replicas that is none, and says so once',
      `${minimal}\nactuation: { scale: { min: 2, services: { a: { max: 0 } } } }`,
      /^actuation.scale.services.a.max: expected at least 1, got 0$/,
    ],
    [
      'half of what a swarm wants, and says so once',
      `${minimal}\norchestrator: { swarm: { url: 'https://d', tls: { ca_file: gone, cert_file: gone } } }`,
      /^.*tls.key_file: expected a text, got nothing\n.*tls.ca_file: .*ENOENT.*\n.*tls.cert_file: .*ENOENT.*$/,
    ],
    [
      'a placement that is not there',
      `${minimal}\norchestrator: { static: { file: gone } }`,
      /^orchestrator.static.file: expected a file that can be read, got ENOENT/,
    ],
    [
      'a kubeconfig that is not there',
      `${minimal}\norchestrator: { kubernetes: { kubeconfig: gone } }`,
      /^orchestrator.kubernetes.kubeconfig: expected a file that can be read, got ENOENT/,
    ],
    ['broken YAML', 'objectives: [\n  {', /^line 2, column \d+: expected valid YAML/],
  ];
  for (const [name, text, expected] of cases) {
    it(`refuses ${name}`, () => expect(messageOf(text)).to.match(expected));
  }

  it('is checked together with the placement that it names', () => {
    const checked = (file: string) =>
      checkConfig(`${minimal}\norchestrator: { static: { file: ${file} } }`, { readFile });
    expect(checked('placement.yaml').ok).to.equal(true);
    expect(checked('misplaced.yaml')).to.deep.include({ ok: false });
    expect(checked('misplaced.yaml').text).to.match(/^orchestrator.static.file: services.cart.0.node: /);
  });

  it('names all errors at once', () => {
    const checked = checkConfig('listen: 1\nobjectives: []\nfoo: 1\ngrafana: { url: x, token_file: no }', {
      readFile,
    });
    expect(checked.ok).to.equal(false);
    const paths = checked.text.split('\n').map((line) => line.slice(0, line.indexOf(':')));
    expect(paths).to.have.members(['listen', 'objectives', 'foo', 'grafana.url', 'grafana.token_file']);
  });

  it('names what two keys contradict each other in beside all that is wrong with one', () => {
    const text = `
listn: 1
objectives: [${objective}, { name: a, service: s, operation: o }, { name: a }]
windows: { seconds: 30, slide_seconds: 7, extra: 1 }
learning: { min_windows: 300, history_windows: 200, seed: x }
node_agents: [{ name: n, url: http://a }, { name: n, url: nowhere }]
prometheus: { url: 1, token_file: no, basic_auth: { username: a } }`;
    const paths = messageOf(text)
      .split('\n')
      .map((line) => line.slice(0, line.indexOf(':')));
    expect(paths).to.have.members([
      'listn',
      'objectives[1].name',
      'objectives[1].threshold_ms',
      'objectives[2].name',
      'objectives[2].service',
      'objectives[2].operation',
      'objectives[2].threshold_ms',
      'windows.slide_seconds',
      'windows.extra',
      'learning.min_windows',
      'learning.seed',
      'node_agents[1].name',
      'node_agents[1].url',
      'prometheus',
      'prometheus.url',
      'prometheus.token_file',
      'prometheus.basic_auth.password_file',
    ]);
  });

  const prometheusOf = (keys: string, rest = '') => {
    const loaded = loadConfig(`${minimal}\nprometheus: { url: http://p, ${keys} }\n${rest}`, { readFile });
    if (!loaded.ok) throw new Error(loaded.message);
    return loaded.value.prometheus;
  };

  it('reads credentials from files', () => {
    expect(prometheusOf('token_file: token')?.credentials).to.deep.equal({ kind: 'bearer', token: 'secret' });
    expect(prometheusOf('basic_auth: { username: me, password_file: token }')?.credentials).to.deep.equal({
      kind: 'basic',
      username: 'me',
      password: 'secret',
    });
    expect(prometheusOf('headers: { X-Scope-OrgID: shop }')).to.deep.include({
      credentials: undefined,
      headers: { 'X-Scope-OrgID': 'shop' },
    });
  });

  const orchestratorOf = (keys: string) => {
    const loaded = loadConfig(`${minimal}\norchestrator: ${keys}`, {
      readFile,
      resolvePath: (path) => `/etc/sage/${path}`,
    });
    if (!loaded.ok) throw new Error(loaded.message);
    return loaded.value.orchestrator;
  };

  it('knows what runs the services, with files beside the configuration', () => {
    expect(orchestratorOf('{ kubernetes: { kubeconfig: token, namespaces: [shop] } }')).to.deep.equal({
      kind: 'kubernetes',
      kubeconfig: '/etc/sage/token',
      context: undefined,
      namespaces: ['shop'],
      selector: undefined,
      serviceLabel: undefined,
    });
    expect(orchestratorOf('{ kubernetes: {} }')).to.deep.include({ kubeconfig: undefined, namespaces: [] });
    expect(orchestratorOf('{ swarm: {} }')).to.deep.equal({
      kind: 'swarm',
      url: 'unix:///var/run/docker.sock',
      tls: undefined,
      serviceLabel: undefined,
      pollSeconds: 10,
    });
    expect(orchestratorOf('{ static: { file: placement.yaml } }')).to.deep.equal({
      kind: 'static',
      file: '/etc/sage/placement.yaml',
      pollSeconds: 5,
    });
  });

  it('looks back two minutes in Prometheus, or a window where that is longer', () => {
    expect(prometheusOf('')?.rangeSeconds).to.equal(120);
    expect(prometheusOf('', 'windows: { seconds: 300 }')?.rangeSeconds).to.equal(300);
    expect(prometheusOf('range_seconds: 45')?.rangeSeconds).to.equal(45);
  });
});
