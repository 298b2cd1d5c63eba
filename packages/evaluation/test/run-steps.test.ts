import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { Records } from '../src/experiments/records.js';
import { type Execute, type RunStepsOptions, runSteps } from '../src/experiments/run-steps.js';
import type { Step } from '../src/experiments/step.js';
import { DataError } from '../src/observed.js';
import { plant } from './tree.js';

const VERSIONS = { sage: '1', code: 'c', node: 'n', backend: 'wasm', platform: 'p' };

const step = (id: string, more: Partial<Step> = {}): Step => ({
  id,
  options: { of: id },
  run: async () => expect.fail('only by execute'),
  ...more,
});

describe('steps', () => {
  let folder: string;
  let ran: string[];
  const events: Readonly<Record<string, unknown>>[] = [];
  const execute: Execute = async ({ id }) => {
    ran.push(id);
    return { answer: id };
  };
  const run = (steps: readonly Step[], change: Partial<RunStepsOptions> = {}) =>
    runSteps(steps, {
      seed: 1,
      versions: VERSIONS,
      records: new Records(folder),
      execute,
      jobs: 2,
      nowMs: () => 0,
      now: () => new Date(0),
      progress: () => undefined,
      log: (event) => events.push(event),
      onStep: async () => undefined,
      ...change,
    });
  beforeEach(() => {
    folder = plant({});
    ran = [];
    events.length = 0;
  });

  it('are measured once, whoever needs them, and give their results in order', async () => {
    const { records } = await run([step('b/1'), step('a'), step('b/1')]);
    expect(ran).to.have.members(['b/1', 'a']).and.have.length(2);
    expect(records.map(({ id, result }) => [id, result])).to.deep.equal([
      ['b/1', { answer: 'b/1' }],
      ['a', { answer: 'a' }],
    ]);
  });

  it('are kept with seed, options and versions, and not measured again', async () => {
    const first = await run([step('a'), step('b')]);
    expect(JSON.parse(readFileSync(join(folder, 'a.json'), 'utf8'))).to.include({ id: 'a', seed: 1 });
    ran = [];
    expect(await run([step('a'), step('b'), step('c')])).to.deep.include({
      records: [
        ...first.records,
        { ...first.records[0], id: 'c', options: { of: 'c' }, result: { answer: 'c' } },
      ],
    });
    expect(ran).to.deep.equal(['c']);
    expect(events.map(({ event, step: id }) => `${event} ${id}`)).to.include.members([
      'measured a',
      'kept a',
      'kept b',
      'measured c',
    ]);
  });

  const again: readonly (readonly [string, Step, Partial<RunStepsOptions>])[] = [
    ['another seed', step('a'), { seed: 2 }],
    ['other options', step('a', { options: { of: 'else' } }), {}],
    ['other code', step('a'), { versions: { ...VERSIONS, code: 'd' } }],
    ['another backend', step('a'), { versions: { ...VERSIONS, backend: 'cpu' } }],
  ];
  for (const [what, changed, options] of again) {
    it(`are measured again with ${what}`, async () => {
      await run([step('a')]);
      await run([changed], options);
      expect(ran).to.deep.equal(['a', 'a']);
    });
  }

  it('are measured again with the code of other packages, where that decides', async () => {
    await run([step('a')]);
    const own = { packages: ['core'] };
    const { records } = await run([step('a', own)]);
    expect(records[0]?.versions.code).to.match(/^[0-9a-f]{64}$/);
    await run([step('a', own)]);
    expect(ran).to.deep.equal(['a', 'a']);
  });

  it('are measured again where the file is torn', async () => {
    await run([step('a')]);
    writeFileSync(join(folder, 'a.json'), '{"id": "a", "se');
    await run([step('a')]);
    expect(ran).to.deep.equal(['a', 'a']);
  });

  it('go on where one cannot be measured, which is tried again the next time', async () => {
    const failing: Execute = async (item, progress) => {
      if (item.id === 'a') throw new DataError('no such folder');
      return execute(item, progress);
    };
    const { records, failed } = await run([step('a'), step('b')], { execute: failing });
    expect(records.map(({ id }) => id)).to.deep.equal(['b']);
    expect(failed).to.deep.equal([{ id: 'a', message: 'no such folder' }]);
    const { failed: none } = await run([step('a'), step('b')]);
    expect(none).to.deep.equal([]);
    expect(ran).to.deep.equal(['b', 'a']);
  });

  it('are told of one after the other, with all that there is by then', async () => {
    const told: (readonly string[])[] = [];
    let telling = 0;
    await run([step('c'), step('a'), step('b')], {
      onStep: async ({ records }) => {
        expect(++telling).to.equal(1);
        await new Promise((resolve) => setImmediate(resolve));
        telling -= 1;
        told.push(records.map(({ id }) => id));
      },
    });
    expect(told).to.have.length(3);
    expect(told[0]?.length).to.be.lessThan(3);
    expect(told.at(-1)).to.deep.equal(['c', 'a', 'b']);
  });

  it('do not hide a bug', async () => {
    const broken: Execute = async () => {
      throw new TypeError('undefined is not a function');
    };
    const ended = await run([step('a')], { execute: broken }).catch((error: Error) => error);
    expect(ended).to.be.instanceOf(TypeError);
  });

  it('run side by side, but alone where they measure time', async () => {
    let now = 0;
    const most = new Map<string, number>();
    const counting: Execute = async ({ id }) => {
      now += 1;
      most.set(id, now);
      await new Promise((resolve) => setImmediate(resolve));
      now -= 1;
    };
    await run([step('time', { alone: true }), step('a'), step('b'), step('c')], { execute: counting });
    expect(Math.max(...most.values())).to.equal(2);
    expect(most.get('time')).to.equal(1);
  });
});
