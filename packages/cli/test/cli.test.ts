import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { runSage as run } from './run-sage.js';

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
    { args: ['serve', '--help'], status: 0, out: /packages\/engine\/README\.md/ },
    { args: ['check-config', '--help'], status: 0, out: /Keys: listen, data_dir, objectives, .*trigger\./ },
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

  describe('doctor --config', () => {
    const folder = mkdtempSync(join(tmpdir(), 'sage-cli-'));
    after(() => rmSync(folder, { recursive: true }));
    const doctor = async (url: string) => {
      const path = join(folder, 'sage.yaml');
      const objective = '{ name: a, service: s, operation: o, threshold_ms: 10 }';
      writeFileSync(path, `listen: 127.0.0.1:1\nobjectives: [${objective}]\nprometheus: { url: '${url}' }\n`);
      return run('doctor', '--config', path);
    };

    it('says how many series each query of Prometheus gives', async () => {
      const server = createServer(async (request, response) => {
        let body = '';
        for await (const chunk of request) body += chunk;
        const known = new URLSearchParams(body).get('query')?.includes('container_cpu_usage') === true;
        const result = known ? [{ metric: { container: 'cart' }, value: [0, '0.5'] }] : [];
        response.end(JSON.stringify({ status: 'success', data: { resultType: 'vector', result } }));
      });
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      const { status, out } = await doctor(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
      server.close();
      expect(status, out).to.equal(0);
      expect(out).to.match(/^✓ Prometheus +http:.*: 1 of \d+ features have data$/m);
      expect(out).to.match(/^✓ {3}cpu_usage_cores +1 series$/m);
      expect(out).to.match(
        /^· {3}memory_working_set_bytes +0 series: .*no series: is the metric scraped.*query: /m,
      );
    });

    it('fails where Prometheus does not answer', async () => {
      const { status, out } = await doctor('http://127.0.0.1:1');
      expect(status).to.equal(1);
      expect(out).to.match(/^✗ Prometheus +.*cannot reach http:\/\/127.0.0.1:1\//m);
    });
  });
});
