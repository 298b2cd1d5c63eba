import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { forkStep } from '../src/experiments/fork-step.js';
import { EXPERIMENTS, stepsOf } from '../src/experiments/index.js';
import type { Execute } from '../src/experiments/run-steps.js';
import type { StepContext } from '../src/experiments/step.js';
import { makeReport, type Report, type ReportOptions } from '../src/report/report.js';
import { pacedApplication } from './paced-application.js';
import { tinySizes } from './small-world.js';
import { messageOf, plant } from './tree.js';

const sizes = tinySizes();
const SEED = 3;

/** On a clock that goes on by a millisecond whenever it is read. */
function contextOf(): StepContext {
  let readings = 0;
  return {
    seed: SEED,
    nowMs: () => ++readings,
    memoryBytes: () => 1e8,
    progress: () => undefined,
    startApplication: pacedApplication((tracedBy) => ({
      latencyMs: 10 + (tracedBy?.sampling ?? 0),
      throughputPerSecond: 100 - (tracedBy?.sampling ?? 0),
      cpuMsPerRequest: 2,
    })).start,
  };
}

describe('the report', function () {
  this.timeout(120_000);
  let out: string;
  let ran: string[];
  let report: Report;
  let pages: string[];
  let timeMs: number;
  const execute: Execute = async (step) => {
    ran.push(step.id);
    timeMs += 300_000;
    if (existsSync(join(out, 'report.html'))) pages.push(text('report.html'));
    return step.run(contextOf());
  };
  const optionsFor = (folder: string): ReportOptions => ({
    out: folder,
    seed: SEED,
    sizes,
    data: {},
    jobs: 1,
    nowMs: () => timeMs,
    now: () => new Date(0),
    progress: () => undefined,
    execute,
  });
  const text = (name: string, folder = out) => readFileSync(join(folder, name), 'utf8');
  before(async () => {
    out = join(plant({}), 'new', 'folder');
    ran = [];
    pages = [];
    timeMs = 0;
    report = await makeReport(optionsFor(out));
  });

  it('measures each world once: the one without a change is shared', () => {
    expect(report.failed).to.deep.equal([]);
    // As it is, with part of it not instrumented, with hardly any traces; two trees.
    expect(ran.filter((id) => id.startsWith('worlds/small-'))).to.have.length(3);
    expect(ran.filter((id) => id.startsWith('scale/'))).to.deep.equal(['scale/4', 'scale/8']);
  });

  it('is a page with every experiment and plot, that needs no network', () => {
    const page = text('report.html');
    for (const { id, title } of EXPERIMENTS) {
      expect(page).to.contain(`<h2 id="${id}">`).and.contain(title.replaceAll('&', '&amp;'));
    }
    const plots = readdirSync(join(out, 'plots'));
    expect(plots).to.include.members(['accuracy.svg', 'reconstruction.svg', 'closed-loop.svg', 'scale.svg']);
    expect(page.match(/<svg /g)).to.have.length(plots.length);
    expect(page).not.to.match(/<(script|link|img)\b|url\(|(src|href)="(?!#)/);
    expect(page).not.to.match(/NaN|undefined|Infinity|\[object/);
  });

  it('is there from the first measurement on, and says what is still to be made', () => {
    expect(pages).to.have.length(ran.length - 1);
    for (const [index, page] of pages.entries()) {
      expect(page).to.contain(
        `Not finished: ${ran.length - 1 - index} of ${ran.length} measurements are still to be made.`,
      );
      expect(page).not.to.match(/NaN|undefined|Infinity|\[object/);
    }
    expect(text('report.html')).not.to.contain('Not finished');
  });

  it('says plainly what was left out and what could not be said', () => {
    const page = text('report.html');
    expect(page).to.contain('Left out, because no folder was given: petshop (--petshop DIR)');
    expect(page).to.contain('0.1 % traced: nothing can be said');
  });

  it('has the paper’s figures beside Sage’s', () => {
    const { sections } = JSON.parse(text('report.json')) as Report;
    const [accuracy] = sections;
    expect(accuracy?.comparisons.map(({ what, paper }) => [what, paper])).to.deep.equal([
      ['Accuracy, small', 0.93],
      ['False negatives, small', 0.04],
      ['False positives, small', 0.05],
    ]);
    expect(text('main-table.md')).to.match(/^\| method \| accuracy \|[\s\S]*\| sage \| \d+ % \(/);
  });

  it('logs seeds and versions', () => {
    const [begun] = text('log.jsonl')
      .split('\n')
      .map((line) => JSON.parse(line || 'null'));
    expect(begun).to.include({ event: 'begun', seed: SEED });
    expect(begun.versions.code).to.match(/^[0-9a-f]{64}$/);
  });

  it('is made again from what was measured, without measuring', async () => {
    const before = text('report.json');
    ran = [];
    await makeReport(optionsFor(out));
    expect(ran).to.deep.equal([]);
    expect(text('report.json')).to.equal(before);
  });

  it('has the same numbers a second time with the same seed', async () => {
    const other = plant({});
    await makeReport(optionsFor(other));
    expect(text('report.json', other)).to.equal(text('report.json'));
    for (const { id } of stepsOf(EXPERIMENTS, sizes, {})) {
      expect(text(`steps/${id}.json`, other)).to.equal(text(`steps/${id}.json`));
    }
  });

  const refused: readonly (readonly [string, Partial<ReportOptions>, RegExp])[] = [
    [
      'data that are not there',
      { data: { nezha: '/nowhere/nezha' } },
      /^DataError: --nezha .* does not exist$/,
    ],
    ['a folder that cannot be one', { out: sizes.topology }, /^DataError: --out .* cannot be written: E/],
  ];
  for (const [what, change, message] of refused) {
    it(`refuses ${what}, before anything is measured`, async () => {
      ran = [];
      expect(await messageOf('\0', () => makeReport({ ...optionsFor(plant({})), ...change }))).to.match(
        message,
      );
      expect(ran).to.deep.equal([]);
    });
  }

  it('tells of damaged data in the page, and of the rest all the same', async () => {
    const folder = plant({});
    const hotel = plant({});
    const { failed } = await makeReport({ ...optionsFor(folder), data: { hotel } });
    expect(failed.map(({ id }) => id)).to.deep.equal(['real/hotel']);
    expect(text('report.html', folder)).to.contain('Could not be measured').and.contain('periods.json');
    expect(existsSync(join(folder, 'steps/real/hotel.json'))).to.equal(false);
  });
});

describe('a step in a process of its own', function () {
  this.timeout(60_000);
  const request = { seed: SEED, sizes, data: {} };

  it('answers what it answers here', async () => {
    const [step] = stepsOf(EXPERIMENTS, sizes, {});
    if (step === undefined) expect.fail('no step');
    const here = JSON.parse(JSON.stringify(await step.run(contextOf())));
    const there = await forkStep({ ...request, id: step.id }, () => undefined);
    const untimed = (value: unknown) =>
      JSON.parse(
        JSON.stringify(value, (key, part) =>
          /^(elapsedMs|p\d\dDiagnoseMs|trainSeconds|seconds|notes)$/.test(key) ? 0 : part,
        ),
      );
    expect(untimed(there)).to.deep.equal(untimed(here));
  });

  it('tells of what cannot be measured there', async () => {
    const message = await messageOf('\0', () =>
      forkStep({ ...request, id: 'tracing-overhead' }, () => undefined),
    );
    expect(message).to.equal('DataError: there is no application here to be driven');
  });

  it('tells of data that cannot be used', async () => {
    const data = { hotel: plant({}) };
    const message = await messageOf('\0', () =>
      forkStep({ ...request, data, id: 'real/hotel' }, () => undefined),
    );
    expect(message).to.match(/^DataError: .*periods\.json cannot be read/);
  });
});
