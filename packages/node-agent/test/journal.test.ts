import {
  appendFileSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { Journal, type OpenEntry } from '../src/journal.js';
import { openLine, sealLine } from '../src/journal-file.js';
import { type Fault, Faults } from './faults.js';
import { quota, unwrap } from './fixture.js';
import { MemoryFiles } from './memory-files.js';

const entry = (id: string): OpenEntry => ({
  id,
  action: quota(0.5),
  steps: [{ op: 'write', path: '/a', value: '2', was: '1', format: 'text' }],
  leaseEndsMs: 7,
});
const closing = (id: string) => ({
  id,
  action: quota(0.5),
  status: 'released' as const,
  message: '',
  writes: [],
  leaseEndsMs: undefined,
});
const ids = (journal: Journal) => journal.held.map(({ id }) => id);

describe('a journal on disk', () => {
  const folder = mkdtempSync(join(tmpdir(), 'sage-journal-'));
  const path = join(folder, 'journal');
  const write = () => {
    rmSync(path, { force: true });
    rmSync(`${path}.damaged`, { force: true });
    const { journal } = unwrap(Journal.open(path));
    for (const id of ['a', 'b', 'c']) unwrap(journal.recordOpen(entry(id)));
    unwrap(journal.recordClose(closing('b')));
    journal.close();
    return readFileSync(path, 'utf8');
  };
  after(() => rmSync(folder, { recursive: true }));

  it('says again what is open and what has ended', () => {
    write();
    const { journal, damagedLines, keptAt } = unwrap(Journal.open(path));
    expect([ids(journal), damagedLines, keptAt]).to.deep.equal([['a', 'c'], 0, undefined]);
    expect(journal.held[0]).to.deep.equal(entry('a'));
    expect(journal.closed.map(({ id }) => id)).to.deep.equal(['b']);
  });

  it('takes a line that was cut off at any byte for one that never was', () => {
    const text = write();
    const lastLine = text.lastIndexOf('\n', text.length - 2) + 1;
    // Without its line break only, the line is whole.
    for (let length = lastLine; length < text.length; length += 7) {
      writeFileSync(path, text.slice(0, length));
      const { journal, damagedLines } = unwrap(Journal.open(path));
      expect([ids(journal), damagedLines], `${length} of ${text.length}`).to.deep.equal([['a', 'b', 'c'], 0]);
    }
    writeFileSync(path, text.slice(0, -1));
    expect(ids(unwrap(Journal.open(path)).journal)).to.deep.equal(['a', 'c']);
  });

  it('tells a damaged line in the middle, keeps the others, and keeps the file for a person', () => {
    const text = write();
    // Still JSON, still a step: only the checksum knows that it would restore a wrong value.
    const damaged = text.replace('"was":"1"', '"was":"9"');
    writeFileSync(path, damaged);
    const { journal, damagedLines, keptAt } = unwrap(Journal.open(path));
    expect([ids(journal), damagedLines, keptAt]).to.deep.equal([['c'], 1, `${path}.damaged`]);
    expect(readFileSync(`${path}.damaged`, 'utf8')).to.equal(damaged);
    expect(unwrap(Journal.open(path)).damagedLines).to.equal(0);
  });

  it('leaves lines of a later version alone, and counts them', () => {
    write();
    const unknown = JSON.stringify({ type: 'open', ...entry('x'), steps: [{ op: 'teleport' }] });
    appendFileSync(path, `${sealLine(unknown)}\n`);
    const { journal, damagedLines } = unwrap(Journal.open(path));
    expect([ids(journal), damagedLines]).to.deep.equal([['a', 'c'], 1]);
  });

  it('is its owner’s only, JSON behind a checksum, and leaves no draft behind', () => {
    const [line = ''] = write().split('\n');
    expect(openLine(line)).to.match(/^\{"type":"open","id":"a"/);
    expect(statSync(path).mode & 0o777).to.equal(0o600);
    expect(existsSync(`${path}.new`)).to.equal(false);
  });

  it('cannot be opened where its folder is not', () => {
    const opened = Journal.open('/nowhere/journal');
    expect(opened.ok ? '' : opened.message).to.match(
      /^the journal \/nowhere\/journal cannot be opened: ENOENT/,
    );
  });
});

describe('a journal on a disk that fails', () => {
  // A start takes four effects: create, sync, rename, sync of the folder; each line then two writes or more and a sync.
  for (const [what, faults] of [
    ['when half a line was written', [{ after: 5, kind: 'fail' }]],
    ['when it was written and not synced', [{ after: 20, kind: 'fail' }]],
    [
      'when the half line cannot be taken back either',
      [
        { after: 5, kind: 'fail' },
        { after: 0, kind: 'fail' },
      ],
    ],
  ] as const satisfies readonly (readonly [string, readonly Fault[]])[]) {
    it(`refuses a line and stays whole ${what}`, () => {
      const files = new MemoryFiles(new Faults(faults));
      const { journal } = unwrap(Journal.open('/j', files));
      const recorded = ['a', 'b', 'c', 'd', 'e'].filter((id) => journal.recordOpen(entry(id)).ok);
      expect(recorded.length, 'one was refused').to.equal(4);
      const again = unwrap(Journal.open('/j', files));
      expect([ids(again.journal), again.damagedLines]).to.deep.equal([recorded, 0]);
    });
  }

  it('makes up for an end that could not be written down', () => {
    const faults = new Faults([]);
    const files = new MemoryFiles(faults);
    const { journal } = unwrap(Journal.open('/j', files));
    unwrap(journal.recordOpen(entry('a')));
    faults.dead = true;
    expect(journal.recordClose(closing('a')).ok).to.equal(false);
    expect(ids(journal)).to.deep.equal([]);
    expect(journal.recordOpen(entry('b')).ok).to.equal(false);
    faults.dead = false;
    expect(ids(unwrap(Journal.open('/j', files)).journal)).to.deep.equal(['a']);
    unwrap(journal.recordOpen(entry('b')));
    expect(ids(unwrap(Journal.open('/j', files)).journal)).to.deep.equal(['b']);
  });

  it('goes on with the long file when compacting fails', function () {
    // Five thousand lines, of each of which the files in memory keep what is synced: slow on a busy machine.
    this.timeout(60_000);
    const faults = new Faults([]);
    const files = new MemoryFiles(faults);
    const { journal } = unwrap(Journal.open('/j', files));
    files.refuseToCreate = true;
    for (let i = 0; i < 5002; i++) unwrap(journal.recordOpen({ ...entry('a'), leaseEndsMs: i }));
    expect((files.read('/j') ?? '').split('\n').length).to.be.greaterThan(5000);
    files.refuseToCreate = false;
    expect(unwrap(Journal.open('/j', files)).journal.held).to.deep.equal([
      { ...entry('a'), leaseEndsMs: 5001 },
    ]);
    expect((files.read('/j') ?? '').split('\n').length).to.equal(2);
  });
});
