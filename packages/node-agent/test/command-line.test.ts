import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { parseCommandLine } from '../src/command-line.js';
import { unwrap } from './fixture.js';

const main = fileURLToPath(new URL('../src/main.js', import.meta.url));
const run = (...args: string[]) => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [main, ...args], { encoding: 'utf8' });
  return { status, text: stdout + stderr };
};

describe('sage-node-agent', function () {
  // Each run starts a process, which takes its time on a busy machine.
  this.timeout(60_000);
  const folder = mkdtempSync(join(tmpdir(), 'sage-cli-'));
  after(() => rmSync(folder, { recursive: true }));
  const file = (text: string) => {
    writeFileSync(join(folder, 'c.yaml'), text);
    return join(folder, 'c.yaml');
  };

  it('prints help and version', () => {
    expect(run('--help')).to.deep.include({ status: 0 });
    expect(run('--version').text).to.match(/^sage-node-agent \d+\.\d+\.\d+\n$/);
  });

  it('exits 2 on wrong usage and wrong configuration, all errors at once', () => {
    for (const [args, text] of [
      [[], 'expected --config FILE'],
      [['--nonsense'], '--nonsense'],
      [['--config', '/nowhere/c.yaml'], '/nowhere/c.yaml cannot be read'],
    ] as const) {
      const command = parseCommandLine(args);
      expect(command.ok ? '' : command.message).to.include(text);
    }
    const wrong = run('--config', file('node: n1\nlisten: 1.2.3.4\ntargets: []\n'));
    expect(wrong.status).to.equal(2);
    for (const part of ['listen: ', 'journal: ', 'targets: ']) expect(wrong.text).to.include(part);
    const noToken = 'node: n\njournal: j\ntoken_file: /nowhere\ntargets: [{ name: a, pids: [2] }]\n';
    expect(run('--config', file(noToken))).to.deep.include({ status: 2 });
  });

  it('checks a configuration, its token and its certificates, and starts nothing', () => {
    const right = `node: n\njournal: ${folder}/j\ntargets: [{ name: a, pids: [2] }]\n`;
    expect(run('--check', '--config', file(right))).to.deep.equal({
      status: 0,
      text: 'the configuration is valid: dry run, 1 targets\n',
    });
    expect(existsSync(join(folder, 'j'))).to.equal(false);
    writeFileSync(join(folder, 'empty'), '\n');
    for (const [wrong, text] of [
      [`${right}token_file: ${folder}/empty\n`, `token_file ${folder}/empty is empty`],
      [
        `${right}tls: { cert_file: ${folder}/empty, key_file: ${folder}/empty }\n`,
        'expected certificates in PEM',
      ],
      [`${right}tls: { cert_file: /nowhere, key_file: /nowhere }\n`, 'tls.cert_file cannot be read: ENOENT'],
    ] as const) {
      const checked = run('--check', '--config', file(wrong));
      expect(checked.status, checked.text).to.equal(2);
      expect(checked.text).to.include(text);
    }
  });

  it('lets --dry-run win over the file', () => {
    const path = file('node: n\njournal: j\ndry_run: false\ntargets: [{ name: a, pids: [2] }]\n');
    for (const [args, dryRun] of [
      [[], false],
      [['--dry-run'], true],
    ] as const) {
      const command = unwrap(parseCommandLine(['--config', path, ...args]));
      expect(command.kind === 'serve' && command.config.dryRun).to.equal(dryRun);
    }
  });
});
