import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { type EvaluationResult, METHODS } from '@sage/evaluation';
import { expect } from 'chai';
import { SLOW, writePetshopTree } from './petshop-tree.js';
import { runSage } from './run-sage.js';

const SAGE = fileURLToPath(new URL('../src/main.js', import.meta.url));

/** Methods that learn from labels, which only the simulator has. */
const NEED_LABELS = ['seer', 'oracle'];

describe('sage evaluate', () => {
  const folder = mkdtempSync(join(tmpdir(), 'sage-evaluate-'));
  const data = join(folder, 'petshop');
  const inFolder = (name: string) => join(folder, name);
  before(() => {
    writePetshopTree(data, 1);
    mkdirSync(inFolder('empty'));
    writePetshopTree(inFolder('short'), 1);
    const metrics = join(inFolder('short'), 'low_traffic', 'noissue', 'metrics.csv');
    writeFileSync(metrics, readFileSync(metrics, 'utf8').split('\n').slice(0, 8).join('\n'));
    writePetshopTree(inFolder('torn'), 1);
    writeFileSync(join(inFolder('torn'), 'low_traffic', 'graph.csv'), ',shop\nshop,yes\n');
  });
  after(() => rmSync(folder, { recursive: true }));

  describe('refuses, with exit status 2,', () => {
    const cases: { name: string; args: string[]; err: RegExp }[] = [
      { name: 'a suite there is not', args: ['petshp'], err: /no suite 'petshp'; did you mean 'petshop'\?/ },
      { name: 'an option before the suite', args: ['--seed', '1', 'petshop'], err: /the suite comes first/ },
      { name: 'missing data', args: ['petshop'], err: /petshop: --data DIR is missing/ },
      {
        name: 'a bad seed',
        args: ['petshop', '--data', data, '--seed', '1.5'],
        err: /--seed must be a whole number of at least 0; got '1\.5'/,
      },
      {
        name: 'a method there is not',
        args: ['petshop', '--data', data, '--method', 'prophet'],
        err: /--method must be one of sage, .*, all; got 'prophet'/,
      },
      {
        name: 'another split',
        args: ['petshop', '--data', data, '--split', 'both'],
        err: /--split must be one of train, test; got 'both'/,
      },
      { name: 'a mistyped option', args: ['petshop', '--dta', data], err: /--dta; did you mean --data\?/ },
      {
        name: 'a folder that is not there',
        args: ['petshop', '--data', inFolder('nowhere')],
        err: /nowhere\/low_traffic\/graph\.csv does not exist/,
      },
      {
        name: 'a folder without data',
        args: ['petshop', '--data', inFolder('empty')],
        err: /^sage evaluate petshop: .*empty\/low_traffic\/graph\.csv does not exist/,
      },
      {
        name: 'a file that is damaged',
        args: ['petshop', '--data', inFolder('torn')],
        err: /low_traffic\/graph\.csv, line 2, column 2: 'yes' is not a number/,
      },
      {
        name: 'too little to learn from',
        args: ['petshop', '--data', inFolder('short')],
        err: /windows saw a node of the graph; at least \d+ are needed/,
      },
      {
        name: 'a place for the result that is not there, before anything is read',
        args: ['petshop', '--data', inFolder('nowhere'), '--json', inFolder('none/result.json')],
        err: /--json .*none\/result\.json cannot be written: ENOENT/,
      },
      {
        name: 'a topology there is not',
        args: ['simulated', '--topology', 'socal-network', '--faults', '1'],
        err: /^sage evaluate simulated: socal-network: .*; did you mean social-network\?$/m,
      },
      {
        name: 'a kind of fault there is not',
        args: ['simulated', '--topology', 'chain', '--faults', '1', '--kinds', 'cpu,gremlin'],
        err: /no kind of fault 'gremlin'; those are cpu, memory, disk, network, llc, bug, workload/,
      },
      {
        name: 'windows of no length',
        args: ['simulated', '--topology', 'chain', '--faults', '1', '--window-seconds', '0'],
        err: /--window-seconds must be a whole number of at least 1 and at most 3600; got '0'/,
      },
      {
        name: 'more than all services uninstrumented',
        args: ['simulated', '--topology', 'chain', '--faults', '1', '--uninstrumented', '1.5'],
        err: /--uninstrumented must be a number of at least 0 and at most 1; got '1\.5'/,
      },
      {
        name: 'a system that Nezha has not',
        args: ['nezha', '--data', data, '--system', 'boutique'],
        err: /--system must be one of online-boutique, train-ticket; got 'boutique'/,
      },
      {
        name: 'a folder without a recording',
        args: ['hotel', '--data', inFolder('empty')],
        err: /^sage evaluate hotel: .*empty\/periods\.json cannot be read: ENOENT/,
      },
      {
        name: 'a report with data that are not there',
        args: ['report', '--quick', '--out', inFolder('report'), '--petshop', inFolder('nowhere')],
        err: /^sage evaluate report: --petshop .*nowhere does not exist$/m,
      },
      {
        name: 'a report where none can be written',
        args: ['report', '--quick', '--out', join(data, 'low_traffic', 'graph.csv')],
        err: /^sage evaluate report: --out .*graph\.csv cannot be written: EEXIST/m,
      },
      {
        name: 'no measurement at a time',
        args: ['report', '--jobs', '0'],
        err: /--jobs must be a whole number of at least 1 and at most 256; got '0'/,
      },
      {
        name: 'a report of one method',
        args: ['report', '--method', 'sage'],
        err: /unknown option --method/,
      },
      {
        name: 'a folder for the result',
        args: ['petshop', '--data', data, '--json', folder],
        err: /--json .* is a folder; the name of a file is expected/,
      },
    ];
    for (const { name, args, err } of cases) {
      it(name, async function () {
        this.timeout(30_000);
        const ended = await runSage('evaluate', ...args);
        expect(ended.status, ended.err).to.equal(2);
        expect(ended.err).to.match(err);
        expect(ended.out).to.equal('');
      });
    }
  });

  it('lists the suites with their options and an example', async () => {
    const { status, out } = await runSage('evaluate', '--help');
    expect(status).to.equal(0);
    expect(out)
      .to.match(/^Usage: sage evaluate SUITE/m)
      .and.match(/--data DIR .*\(required\)$/m);
    for (const suite of ['simulated --topology chain', 'petshop --data', 'nezha --data', 'hotel --data']) {
      expect(out).to.contain(`for example: sage evaluate ${suite}`);
    }
    expect((await runSage('evaluate')).status).to.equal(2);
  });

  describe('measures', () => {
    let stdout: string;
    let stderr: string;
    before(async function () {
      this.timeout(120_000);
      const args = ['evaluate', 'petshop', '--data', data, '--seed', '3', '--json', '-'];
      ({ stdout, stderr } = await promisify(execFile)(process.execPath, [SAGE, ...args]));
    });

    it('and writes nothing but the result to standard output with --json -', () => {
      const result = JSON.parse(stdout) as EvaluationResult;
      expect(result).to.include({ suite: 'petshop', method: 'sage', seed: 3 });
      expect(result.backend).to.be.oneOf(['tensorflow', 'wasm', 'cpu']);
      expect(result.cases.map(({ id }) => id)).to.deep.equal([
        'low_traffic/train/issue_0',
        'high_traffic/train/issue_0',
      ]);
      for (const item of result.cases) {
        expect(item.kind).to.equal('latency');
        expect(item.truth).to.deep.equal([{ service: SLOW, resource: null }]);
        expect(item.verdict).to.equal('culprits');
        expect(item.ranked[0]).to.have.all.keys('service', 'resource', 'probability');
        expect(item.ranked[0]?.service).to.equal(SLOW);
        expect(item.elapsedMs).to.be.greaterThan(0);
      }
      const { r2, trainSeconds, p50DiagnoseMs, p99DiagnoseMs, ...scores } = result.summary;
      expect(scores).to.include({
        ...{ cases: 2, top1: 1, top3: 1, resourceTop1: null, falsePositiveRate: 0, falseNegativeRate: 0 },
      });
      for (const figure of [r2, trainSeconds, p50DiagnoseMs, p99DiagnoseMs]) {
        expect(figure).to.be.a('number').greaterThan(0);
      }
      expect(stderr)
        .to.match(/^0:\d\d {2}epoch 1 of/)
        .and.match(/^sage +2 +1\.00/m);
    });

    it('is refused for a method that needs labels', async () => {
      for (const method of NEED_LABELS) {
        const { status, err } = await runSage('evaluate', 'petshop', '--data', data, '--method', method);
        expect(status).to.equal(2);
        expect(err).to.contain(
          `${method} needs labelled runs with queue depths, which petshop does not have`,
        );
      }
    }).timeout(120_000);

    it('the same again with the same seed: a row per method, and an array of results to a file', async function () {
      this.timeout(120_000);
      const file = inFolder('all.json');
      const { status, out, err } = await runSage(
        ...['evaluate', 'petshop', '--data', data, '--seed', '3', '--method', 'all', '--json', file],
      );
      expect(status, err).to.equal(0);
      const names = METHODS.map(({ name }) => name).filter((name) => !NEED_LABELS.includes(name));
      const [about = '', header = '', ...rows] = out.trimEnd().split('\n');
      expect(about).to.match(/^suite petshop, seed 3, backend \w+; held-out R² /);
      expect(header).to.match(/^method +cases +top-1 +top-3/);
      const last = rows.pop() ?? '';
      expect(rows.map((row) => row.split(/\s/)[0])).to.deep.equal(names);
      expect(last).to.equal(
        `left out, for want of labelled runs with queue depths: ${NEED_LABELS.join(', ')}`,
      );
      const results = JSON.parse(readFileSync(file, 'utf8')) as EvaluationResult[];
      expect(results.map(({ method }) => method)).to.deep.equal(names);
      const answers = (result: EvaluationResult | undefined) =>
        result?.cases.map(({ elapsedMs: _, ...answer }) => answer);
      expect(answers(results[0])).to.deep.equal(answers(JSON.parse(stdout)));
    });
  });

  it('ends at once when it is interrupted, and leaves no result behind', async function () {
    this.timeout(30_000);
    const file = inFolder('interrupted.json');
    const child = spawn(process.execPath, [...[SAGE, 'evaluate', 'petshop', '--data', data, '--json', file]]);
    let out = '';
    child.stdout.on('data', (chunk) => (out += String(chunk)));
    const [progress] = await once(child.stderr, 'data');
    expect(String(progress)).to.match(/epoch/);
    child.kill('SIGINT');
    const [, signal] = await once(child, 'close');
    expect({ signal, out, written: existsSync(file) }).to.deep.equal({
      ...{ signal: 'SIGINT', out: '', written: false },
    });
  });
});
