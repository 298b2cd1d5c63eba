import { expect } from 'chai';
import { createLogger } from '../src/index.js';

describe('createLogger', () => {
  it('writes one logfmt line a message and quotes what needs it', () => {
    const lines: string[] = [];
    createLogger(
      (line) => lines.push(line),
      () => 0,
    ).warn('no data', { url: 'http://a/?q="x"', tries: 3, plain: 'abc' });
    expect(lines).to.deep.equal([
      'ts=1970-01-01T00:00:00.000Z level=warn msg="no data" url="http://a/?q=\\"x\\"" tries=3 plain=abc\n',
    ]);
  });
});
