import { existsSync } from 'node:fs';
import { chmod, cp, lstat, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect } from 'chai';
import { REPOSITORY } from './support/repository.js';
import { runTool } from './support/run-tool.js';

const BOOTSTRAP = join(REPOSITORY, 'packages/bootstrap');
const TFJS_NODE = 'node_modules/@tensorflow/tfjs-node';

/** Each leaves a note of its call. What the compiler makes is no library but JavaScript that Node.js runs in its place. */
const PROGRAMS = {
  npm: `#!/bin/sh
echo "npm $*" >>calls.log
[ -n "$NO_TFJS" ] || mkdir -p ${TFJS_NODE}
`,
  python3: `#!/bin/sh
echo python3 >>calls.log
[ -z "$PIP_ERROR" ] || { echo "$PIP_ERROR" >&2; exit 1; }
while [ "$1" != --target ]; do shift; done
mkdir -p "$2/tensorflow/include"
touch "$2/tensorflow/libtensorflow_cc.so.2" "$2/tensorflow/libtensorflow_framework.so.2"
`,
  'c++': `#!/bin/sh
echo c++ >>calls.log
[ -z "$CXX_FAILS" ] || exit 1
for last; do :; done
echo built >"$last"
`,
};

describe('npm run native', function () {
  this.timeout(30_000);
  let root: string;

  beforeEach(async function () {
    if (process.platform !== 'linux' || process.arch !== 'x64') return this.skip();
    root = await mkdtemp(join(tmpdir(), 'sage-native-'));
    await cp(BOOTSTRAP, join(root, 'packages/bootstrap'), { recursive: true });
    await mkdir(join(root, 'bin'));
    for (const [name, text] of Object.entries(PROGRAMS)) {
      await writeFile(join(root, 'bin', name), text);
      await chmod(join(root, 'bin', name), 0o755);
    }
    // Node.js reads a file *.node as a library; here it reads what the compiler above has written.
    await writeFile(
      join(root, 'bin/load.cjs'),
      `require('node:module')._extensions['.node'] = (module) => { module.exports = { TF_Version: '2.0' }; };`,
    );
  });
  afterEach(() => rm(root ?? '', { recursive: true, force: true }));

  const native = (env: NodeJS.ProcessEnv = {}) =>
    runTool(process.execPath, [join(root, 'packages/bootstrap/native.mjs')], {
      cwd: root,
      env: {
        ...process.env,
        PATH: `${join(root, 'bin')}${delimiter}${process.env.PATH}`,
        NODE_OPTIONS: `--require ${join(root, 'bin/load.cjs')}`,
        npm_execpath: '',
        CXX: 'c++',
        ...env,
      },
    });
  const calls = async () => (await readFile(join(root, 'calls.log'), 'utf8')).trim().split('\n');

  it('takes the sources from npm, the library from pip, and compiles; a second time it does nothing', async () => {
    const { code, output } = await native();
    expect(code, output).to.equal(0);
    expect(output).to.match(/native TensorFlow 2\.0 was built/);
    const made = [
      'npm install --ignore-scripts --no-save --no-audit --no-fund --include=dev --include=optional',
      'python3',
      'c++',
    ];
    expect(await calls()).to.deep.equal(made);
    for (const name of ['libtensorflow.so', 'libtensorflow_cc.so.2', 'libtensorflow_framework.so']) {
      expect((await lstat(join(root, TFJS_NODE, 'deps/lib', name))).isDirectory()).to.equal(false);
    }
    expect((await native()).output).to.contain('native TensorFlow 2.0 is there already');
    expect(await calls()).to.deep.equal(made);
  });

  const failures: [string, NodeJS.ProcessEnv, number, string][] = [
    [
      'the index is out of reach',
      { PIP_ERROR: 'No matching distribution found' },
      69,
      'pip could not get the wheel',
    ],
    ['there is no pip', { PIP_ERROR: 'python3: No module named pip' }, 69, 'apt install python3-pip'],
    [
      'the wheel is another',
      { PIP_ERROR: 'THESE PACKAGES DO NOT MATCH THE HASHES' },
      1,
      'is not the one that',
    ],
    ['there is no compiler', { CXX: 'sage-no-such-compiler' }, 69, 'apt install g++'],
    ['the compiler fails', { CXX_FAILS: '1' }, 1, 'the compiler stopped with exit code 1'],
    ['npm leaves tfjs-node out', { NO_TFJS: '1' }, 1, 'npm did not install @tensorflow/tfjs-node'],
    ['the binding does not load', { NODE_OPTIONS: '' }, 1, 'was built and does not load'],
  ];
  for (const [name, env, expected, text] of failures) {
    it(`says what is wrong where ${name}, and whether it could have been had here`, async () => {
      const { code, output } = await native(env);
      expect(output).to.contain('no native TensorFlow: ').and.contain(text).and.not.contain('at async');
      expect(code).to.equal(expected);
      // Sage would load what was left behind.
      expect(existsSync(join(root, TFJS_NODE, 'lib/napi-v8/tfjs_binding.node'))).to.equal(false);
    });
  }

  it('knows the systems that the wheel is for', async () => {
    const { systemObstacle } = await import(pathToFileURL(join(BOOTSTRAP, 'tensorflow.mjs')).href);
    const glibc = '2.36';
    expect(systemObstacle({ platform: 'linux', arch: 'x64', glibc })).to.equal(undefined);
    expect(systemObstacle({ platform: 'linux', arch: 'arm64', glibc })).to.match(/this is linux arm64$/);
    expect(systemObstacle({ platform: 'linux', arch: 'x64' })).to.match(/this is linux x64 without glibc$/);
    expect(systemObstacle({ platform: 'darwin', arch: 'arm64' })).to.match(/this is darwin arm64$/);
  });
});
