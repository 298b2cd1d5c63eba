import { join } from 'node:path';
import { expect } from 'chai';
import { REPOSITORY } from './support/repository.js';
import { runTool } from './support/run-tool.js';

const BIOME = join(REPOSITORY, 'node_modules/@biomejs/biome/bin/biome');

describe('every file', () => {
  it('is formatted and free of what the linter finds (npm run format)', async function () {
    this.timeout(60_000);
    const { code, output } = await runTool(process.execPath, [BIOME, 'check', '--colors=off', '.']);
    expect(code, output).to.equal(0);
  });
});
