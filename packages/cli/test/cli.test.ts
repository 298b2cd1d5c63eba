import { Writable } from 'node:stream';
import { expect } from 'chai';
import { runCli } from '../src/cli.js';

async function run(...args: string[]): Promise<{ status: number; out: string; err: string }> {
  const texts = { out: '', err: '' };
  const sink = (name: 'out' | 'err') =>
    new Writable({
      write(chunk, _encoding, done) {
        texts[name] += String(chunk);
        done();
      },
    });
  const status = await runCli(args, { stdout: sink('out'), stderr: sink('err'), env: {}, argv: [] });
  return { status, ...texts };
}

describe('sage', () => {
  const cases: { args: string[]; status: number; out?: RegExp; err?: RegExp }[] = [
    { args: [], status: 2, out: /Usage: sage COMMAND/ },
    { args: ['--help'], status: 0, out: /check-config/ },
    { args: ['--version'], status: 0, out: /^sage \d+\.\d+\.\d+/ },
    { args: ['sevre'], status: 2, err: /no command 'sevre'; did you mean 'serve'\?/ },
    { args: ['toString'], status: 2, err: /no command 'toString'/ },
    { args: ['demo', '--help'], status: 0, out: /--fault KIND@SERVICE/ },
    { args: ['demo', '--sed', '3'], status: 2, err: /unknown option --sed; did you mean --seed\?/ },
    { args: ['demo', '--seed', '-x'], status: 2, err: /--seed/ },
    {
      args: ['demo', '--fault', 'cpu@@rate'],
      status: 2,
      err: /--fault must be KIND@SERVICE, KIND, @SERVICE or none/,
    },
    { args: ['demo', '--fault', 'gravity@rate'], status: 2, err: /gravity/ },
    { args: ['demo', '--fault', 'cpu@nobody'], status: 2, err: /nobody/ },
    { args: ['check-config'], status: 2, err: /expected FILE/ },
    { args: ['check-config', '/nowhere/sage.yaml'], status: 2, err: /\/nowhere\/sage\.yaml/ },
    { args: ['serve', '--config', '/nowhere/sage.yaml'], status: 2, err: /\/nowhere\/sage\.yaml/ },
  ];
  for (const { args, status, out, err } of cases) {
    it(`'sage ${args.join(' ')}' ends with ${status}`, async () => {
      const ended = await run(...args);
      expect(ended.status, ended.err).to.equal(status);
      if (out !== undefined) expect(ended.out).to.match(out);
      if (err !== undefined) expect(ended.err).to.match(err);
    });
  }
});
