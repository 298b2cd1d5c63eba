import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir, mkdtemp, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { expect } from 'chai';
import { REPOSITORY } from './support/repository.js';
import { runTool, type ToolResult } from './support/run-tool.js';

const BOOTSTRAP = join(REPOSITORY, 'packages/bootstrap');

/** Stands in for npm: leaves a note of each call, and a compiler that does the same. */
const FAKE_NPM = `
import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs';
appendFileSync('calls.log', 'npm ' + process.argv.slice(2).join(' ') + '\\n');
if (process.env.FAKE_NPM_ERROR) { console.error(process.env.FAKE_NPM_ERROR); process.exit(1); }
mkdirSync('node_modules/typescript/bin', { recursive: true });
writeFileSync('node_modules/typescript/bin/tsc', \`
const { appendFileSync, existsSync, mkdirSync, copyFileSync } = require('node:fs');
appendFileSync('calls.log', 'tsc\\\\n');
if (existsSync('wrong')) { console.log('main.ts(1,1): error'); process.exit(2); }
mkdirSync('packages/cli/dist/src', { recursive: true });
copyFileSync('packages/cli/src/main.ts', 'packages/cli/dist/src/main.js');
\`);
`;

/** Says its arguments and what it reads, and ends as it is told. */
const PROGRAM = `
process.stdout.write('process ' + process.pid + ' args ' + JSON.stringify(process.argv.slice(2)) + '\\n');
const code = process.argv.indexOf('--exit');
if (process.argv.includes('--stay')) setInterval(() => {}, 60_000);
if (code > 0) process.exitCode = Number(process.argv[code + 1]);
`;

describe('the bootstrap', function () {
  this.timeout(30_000);
  let root: string;

  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'sage-bootstrap-'));
    await cp(BOOTSTRAP, join(root, 'packages/bootstrap'), { recursive: true });
    await mkdir(join(root, 'packages/cli/src'), { recursive: true });
    await mkdir(join(root, 'npm'));
    const files: Record<string, string> = {
      'package.json': '{"type":"commonjs"}',
      'package-lock.json': '{"packages":{"":{},"node_modules/a":{"version":"1.0.0"}}}',
      'packages/cli/tsconfig.json': '{}',
      'packages/cli/package.json': '{"type":"module"}',
      'packages/cli/src/main.ts': PROGRAM,
      'npm/package.json': '{"type":"module"}',
      'npm/npm-cli.js': FAKE_NPM,
    };
    for (const [path, text] of Object.entries(files)) await writeFile(join(root, path), text);
  });
  afterEach(() => rm(root, { recursive: true, force: true }));

  const start = (args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<ToolResult> =>
    runTool(process.execPath, [join(root, 'packages/bootstrap/run.mjs'), ...args], {
      cwd: root,
      env: { ...process.env, npm_execpath: join(root, 'npm/npm-cli.js'), ...env },
    });
  const calls = async () =>
    (await readFile(join(root, 'calls.log'), 'utf8').catch(() => '')).trim().split('\n');

  it('installs and compiles a fresh clone, then starts the program with its arguments and exit code', async () => {
    const { code, output } = await start(['sage', 'demo', '--exit', '7']);
    expect(output).to.contain('installing dependencies (npm ci), because node_modules is missing');
    expect(output).to.contain('compiling (tsc -b)');
    expect(output).to.contain('args ["demo","--exit","7"]');
    expect(code, output).to.equal(7);
    expect(await calls()).to.deep.equal([
      'npm ci --no-audit --no-fund --include=dev --include=optional',
      'tsc',
    ]);
  });

  const seconds: [string, (folder: string) => Promise<unknown>, string[]][] = [
    ['nothing where nothing changed', async () => {}, []],
    [
      'compiles where a source changed',
      (folder) => utimes(join(folder, 'packages/cli/src/main.ts'), new Date(1), new Date(1)),
      ['tsc'],
    ],
    [
      'compiles where a build is gone',
      (folder) => rm(join(folder, 'packages/cli/dist'), { recursive: true }),
      ['tsc'],
    ],
    [
      'installs where package-lock.json changed',
      (folder) =>
        writeFile(join(folder, 'package-lock.json'), '{"packages":{"node_modules/b":{"version":"2.0.0"}}}'),
      ['npm ci --no-audit --no-fund --include=dev --include=optional', 'tsc'],
    ],
  ];
  for (const [name, change, expected] of seconds) {
    it(`does at a second start: ${name}`, async () => {
      await start(['sage']);
      await rm(join(root, 'calls.log'));
      await change(root);
      const { code, output } = await start(['sage']);
      expect(code, output).to.equal(0);
      expect((await calls()).filter((call) => call !== '')).to.deep.equal(expected);
    });
  }

  it("accepts a developer's own npm install of the locked versions", async () => {
    await start(['sage']);
    await rm(join(root, 'node_modules/.sage-install.json'));
    const hidden = join(root, 'node_modules/.package-lock.json');
    await writeFile(hidden, '{"packages":{"node_modules/a":{"version":"1.0.0"}}}');
    await rm(join(root, 'calls.log'));
    await start(['sage']);
    expect(await calls()).to.deep.equal(['']);
    await writeFile(hidden, '{"packages":{"node_modules/a":{"version":"0.9.0"}}}');
    await start(['sage']);
    expect((await calls())[0]).to.match(/^npm ci/);
  });

  const failures: [string, string[], NodeJS.ProcessEnv, number, string][] = [
    [
      'no network',
      ['sage'],
      { FAKE_NPM_ERROR: 'npm error code ENOTFOUND' },
      1,
      'could not reach the package registry',
    ],
    [
      'no permission',
      ['sage'],
      { FAKE_NPM_ERROR: 'npm error EACCES' },
      1,
      'as the user who owns this folder',
    ],
    [
      'another npm error',
      ['sage'],
      { FAKE_NPM_ERROR: 'npm error EWHAT' },
      1,
      'npm ci failed with exit code 1',
    ],
    ['no npm', ['sage'], { npm_execpath: '', PATH: '/nowhere' }, 1, 'npm is not on the PATH'],
    ['no such program', ['fly'], {}, 2, 'there is no program "fly"'],
    ['no program', [], {}, 2, 'usage:'],
    ['a name of every object', ['constructor'], {}, 2, 'there is no program'],
  ];
  for (const [name, args, env, expectedCode, text] of failures) {
    it(`says what is wrong: ${name}`, async () => {
      const { code, output } = await start(args, env);
      expect(output).to.contain(text).and.not.contain('at async');
      expect(code).to.equal(expectedCode);
    });
  }

  it('stops where the compiler does, and compiles again the next time', async () => {
    await writeFile(join(root, 'wrong'), '');
    const first = await start(['sage']);
    expect(first.code).to.equal(1);
    expect(first.output)
      .to.contain('main.ts(1,1): error')
      .and.contain('the compiler stopped with exit code 2');
    await rm(join(root, 'wrong'));
    expect((await start(['sage'])).code).to.equal(0);
  });

  it('installs once where two start at once', async () => {
    const results = await Promise.all([start(['sage']), start(['sage']), start(['sage'])]);
    expect(results.map(({ code }) => code)).to.deep.equal([0, 0, 0]);
    expect((await calls()).filter((call) => call.startsWith('npm'))).to.have.length(1);
  });

  it('takes over the lock of a process that is gone', async () => {
    await mkdir(join(root, '.sage'));
    // Above every system's largest process id.
    await writeFile(join(root, '.sage/bootstrap.lock'), '2000000000\n');
    const { code, output } = await start(['sage']);
    expect(code, output).to.equal(0);
  });

  it('runs the compiled test of every source, and of no source that is gone', async () => {
    const { programArguments } = await import(pathToFileURL(join(BOOTSTRAP, 'programs.mjs')).href);
    const files = [
      'packages/cli/test/deep/a.test.ts',
      'packages/cli/test/support.ts',
      'packages/cli/dist/test/gone.test.js',
      'test/b.test.ts',
      'test/dist/gone.test.js',
    ];
    for (const path of files) {
      await mkdir(dirname(join(root, path)), { recursive: true });
      await writeFile(join(root, path), '');
    }
    const all = ['packages/cli/dist/test/deep/a.test.js', 'test/dist/b.test.js'];
    expect(programArguments('test', [], root)).to.deep.equal(all);
    expect(programArguments('test', ['--grep', 'x'], root)).to.deep.equal(['--grep', 'x', ...all]);
    expect(programArguments('test', ['one.test.js'], root)).to.deep.equal(['one.test.js']);
    expect(programArguments('sage', ['demo'], root)).to.deep.equal(['demo']);
  });

  for (const byNpm of [true, false]) {
    it(`${byNpm ? 'ends' : 'leaves'} what ${byNpm ? 'npm' : 'somebody else'} runs in a shell that is ended`, async () => {
      await start(['sage']);
      const { npm_lifecycle_event: _, ...env } = process.env;
      const command = `"${process.execPath}" packages/bootstrap/run.mjs sage --stay; true`;
      const shell = spawn('sh', ['-c', command], {
        cwd: root,
        env: byNpm ? { ...env, npm_lifecycle_event: 'start' } : env,
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      const [line] = await once(shell.stdout, 'data');
      const pid = Number(/process (\d+)/.exec(String(line))?.[1]);
      // The program has the shell's standard output: it is closed when both have ended.
      const closed = once(shell, 'close').then(() => 'ended');
      shell.kill('SIGTERM');
      try {
        expect(await Promise.race([closed, sleep(2000, 'there')])).to.equal(byNpm ? 'ended' : 'there');
      } finally {
        if (!byNpm) process.kill(pid, 'SIGKILL');
      }
      await closed;
    });
  }

  it('names the Node.js it needs', async () => {
    const { nodeVersionProblem, REQUIRED_NODE } = await import(
      pathToFileURL(join(BOOTSTRAP, 'node-version.mjs')).href
    );
    const engines = JSON.parse(await readFile(join(REPOSITORY, 'package.json'), 'utf8')).engines.node;
    expect(engines).to.equal(`>=${REQUIRED_NODE}`);
    const accepted = ['v20.19.0', 'v20.20.2', 'v22.0.0', 'v24.3.1', 'v25.0.0-nightly2026'];
    expect(accepted.map((version) => nodeVersionProblem(version))).to.deep.equal(
      accepted.map(() => undefined),
    );
    for (const version of ['v18.20.0', 'v20.18.9', 'v0.10.0']) {
      expect(nodeVersionProblem(version)).to.contain('needs Node.js 20.19.0 or newer').and.contain(version);
    }
  });
});
