import { expect } from 'chai';
import { describeFlags, type FlagSpecs, parseFlags } from '../src/flags.js';

const SPECS: FlagSpecs = {
  seed: { type: 'number', min: 0, default: 1, help: 'draws' },
  share: { type: 'number', min: 0, max: 1, help: 'a share' },
  trigger: { type: 'string', choices: ['a', 'b'], default: 'a', help: 'who' },
  once: { type: 'boolean', help: 'once' },
};
const WHOLE: FlagSpecs = {
  faults: { type: 'integer', min: 1, default: 10, help: 'how many' },
  data: { type: 'string', placeholder: 'DIR', required: true, help: 'where it is' },
};

describe('parseFlags', () => {
  it('fills in defaults', () => {
    const parsed = parseFlags([], SPECS, []);
    expect(parsed).to.deep.equal({
      ok: true,
      value: { flags: { seed: 1, share: undefined, trigger: 'a', once: false }, positionals: [] },
    });
  });

  it('reads values and positionals', () => {
    const parsed = parseFlags(['--seed', '7', 'x.yaml', '--once', '--trigger=b'], SPECS, ['FILE']);
    if (!parsed.ok) throw new Error(parsed.message);
    expect(parsed.value.flags).to.include({ seed: 7, trigger: 'b', once: true });
    expect(parsed.value.positionals).to.deep.equal(['x.yaml']);
  });

  const wrong: { args: string[]; message: string }[] = [
    { args: ['--sede', '1'], message: 'unknown option --sede; did you mean --seed?' },
    { args: ['--zzzzzz'], message: 'unknown option --zzzzzz' },
    { args: ['--seed', 'one'], message: "--seed must be a number of at least 0; got 'one'" },
    { args: ['--seed='], message: "--seed must be a number of at least 0; got ''" },
    { args: ['--share', '2'], message: "--share must be a number of at least 0 and at most 1; got '2'" },
    { args: ['--trigger', 'c'], message: "--trigger must be one of a, b; got 'c'" },
    { args: ['stray'], message: "expected no arguments, got 'stray'" },
  ];
  for (const { args, message } of wrong) {
    it(`refuses '${args.join(' ')}'`, () => {
      expect(parseFlags(args, SPECS, [])).to.deep.equal({ ok: false, reason: 'usage', message });
    });
  }

  const incomplete: { args: string[]; message: string }[] = [
    { args: [], message: '--data DIR is missing: where it is' },
    {
      args: ['--data', 'x', '--faults', '1.5'],
      message: "--faults must be a whole number of at least 1; got '1.5'",
    },
    {
      args: ['--data', 'x', '--faults', '1e300'],
      message: "--faults must be a whole number of at least 1; got '1e300'",
    },
  ];
  for (const { args, message } of incomplete) {
    it(`refuses '${args.join(' ')}' where data and a whole number are needed`, () => {
      expect(parseFlags(args, WHOLE, [])).to.deep.equal({ ok: false, reason: 'usage', message });
    });
  }

  it('asks for a missing positional by name', () => {
    expect(parseFlags([], SPECS, ['FILE'])).to.include({ message: 'expected FILE, got none' });
  });
});

describe('describeFlags', () => {
  it('tells what is required', () => {
    expect(describeFlags(WHOLE)).to.equal(
      ['  --faults VALUE  how many (default 10)', '  --data DIR      where it is (required)'].join('\n'),
    );
  });

  it('aligns options and tells defaults', () => {
    expect(describeFlags(SPECS)).to.equal(
      [
        '  --seed VALUE   draws (default 1)',
        '  --share VALUE  a share',
        '  --trigger a|b  who (default a)',
        '  --once         once',
      ].join('\n'),
    );
  });
});
