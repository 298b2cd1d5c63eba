import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { expect } from 'chai';
import { listFolder, numberAt, readJson, readRows, Table } from '../src/data/files.js';
import { timeAt } from '../src/data/utc-time.js';
import { messageOf, plant } from './tree.js';

describe('files of data sets', () => {
  const DAMAGED: readonly {
    readonly name: string;
    readonly file: string;
    readonly content: string | Buffer | undefined;
    readonly read: (path: string) => unknown;
    readonly message: string | RegExp;
  }[] = [
    {
      name: 'a file that is not there',
      file: 'a.csv',
      content: undefined,
      read: readRows,
      message: /^DataError: …\/a\.csv cannot be read: ENOENT/,
    },
    {
      name: 'a packed file cut short',
      file: 'a.csv.gz',
      content: gzipSync('a,b\n1,2\n'.repeat(99)).subarray(0, 30),
      read: readRows,
      message: 'DataError: …/a.csv.gz cannot be read: unexpected end of file',
    },
    {
      name: 'text called packed',
      file: 'a.csv.gz',
      content: 'a,b\n1,2\n',
      read: readRows,
      message: 'DataError: …/a.csv.gz cannot be read: incorrect header check',
    },
    {
      name: 'a row longer than the first',
      file: 'a.csv',
      content: 'a,b\n1,2\n1,2,3\n',
      read: readRows,
      message: /^DataError: …\/a\.csv is not CSV: .*line 3/,
    },
    {
      name: 'a quote that is never closed',
      file: 'a.csv',
      content: 'a,b\n1,"2\n',
      read: readRows,
      message: /^DataError: …\/a\.csv is not CSV: .*Quote/,
    },
    {
      name: 'half a JSON document',
      file: 'a.json',
      content: '{"a": [1,',
      read: readJson,
      message: /^DataError: …\/a\.json is not JSON: /,
    },
    {
      name: 'a column that is missing',
      file: 'a.csv',
      content: 'a,b\n1,2\n',
      read: (path) => new Table(path).column('c'),
      message: "DataError: …/a.csv has no column 'c'; it has a, b",
    },
    {
      name: 'a word among numbers',
      file: 'a.csv',
      content: 'a,b\n1,2\n1,much\n',
      read: (path) => new Table(path).number(1, 1),
      message: "DataError: …/a.csv, line 3, column 2: 'much' is not a number",
    },
    {
      name: 'a folder that is not there',
      file: 'a.csv',
      content: '',
      read: (path) => listFolder(join(path, '..', 'issues'), /^issue_/, 'issue_N folders'),
      message: 'DataError: …/issues does not exist; issue_N folders is expected there',
    },
    {
      name: 'a folder with nothing of interest',
      file: 'issues/readme',
      content: '',
      read: (path) => listFolder(join(path, '..'), /^issue_/, 'issue_N folders'),
      message: 'DataError: …/issues holds no issue_N folders',
    },
  ];
  for (const { name, file, content, read, message } of DAMAGED) {
    it(`${name} is named`, async () => {
      const root = plant({ [file]: content });
      const thrown = await messageOf(root, () => read(join(root, file)));
      if (typeof message === 'string') expect(thrown).to.equal(message);
      else expect(thrown).to.match(message);
    });
  }

  it('packed and plain files read the same, whatever editor saved them', () => {
    const root = plant({ 'a.csv': '\ufeffa,b\r\n1,"x, y"\r\n\r\n', 'b.csv.gz': gzipSync('a,b\n1,"x, y"\n') });
    const rows = [
      ['a', 'b'],
      ['1', 'x, y'],
    ];
    expect(readRows(join(root, 'a.csv'))).to.deep.equal(rows);
    expect(readRows(join(root, 'b.csv.gz'))).to.deep.equal(rows);
  });

  it('folders are listed by number', () => {
    const root = plant({ 'x/issue_10/a': '', 'x/issue_9/a': '', 'x/other/a': '' });
    const found = listFolder(join(root, 'x'), /^issue_\d+$/, 'issues');
    expect(found).to.deep.equal([join(root, 'x/issue_9'), join(root, 'x/issue_10')]);
  });

  const CELLS: readonly (readonly [string, number | undefined])[] = [
    ['', undefined],
    ['  ', undefined],
    ['NaN', undefined],
    ['0', 0],
    [' 1e-3 ', 0.001],
    ['-2.5', -2.5],
  ];
  for (const [cell, value] of CELLS) {
    it(`the cell '${cell}' is ${value}`, () => expect(numberAt(cell, 'here')).to.equal(value));
  }

  const TIMES: readonly (readonly [string, number | string])[] = [
    ['2022-08-22 03:53:54', Date.UTC(2022, 7, 22, 3, 53, 54)],
    ['2022-08-22 03:51:19.607158889 +0000 UTC m=+0.113112869', Date.UTC(2022, 7, 22, 3, 51, 19, 607)],
    ['2023-01-29 16:41:09 +0800 CST m=+0.1', Date.UTC(2023, 0, 29, 8, 41, 9)],
    [
      '2022-13-22 03:53:54',
      "DataError: here: '2022-13-22 03:53:54' is not a time such as 2022-08-22 03:53:54",
    ],
    ['1661140279', "DataError: here: '1661140279' is not a time such as 2022-08-22 03:53:54"],
    ['', "DataError: here: '' is not a time such as 2022-08-22 03:53:54"],
  ];
  for (const [text, expected] of TIMES) {
    it(`the time '${text}' is ${typeof expected === 'number' ? 'read' : 'refused'}`, async () => {
      if (typeof expected === 'number') expect(timeAt(text, 'here')).to.equal(expected);
      else expect(await messageOf('(no folder)', () => timeAt(text, 'here'))).to.equal(expected);
    });
  }
});
