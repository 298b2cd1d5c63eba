import { readdirSync, readlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { silentLogger, success, systemClock } from '@sage/core';
import type { Orchestrator } from '@sage/orchestrator';
import { expect } from 'chai';
import { startEngine } from '../src/engine.js';
import { sageParts } from '../src/wiring.js';
import { configOf, rigsOfEachTest, tempDir } from './support.js';

/** Paths of this process's open files in a folder. */
function openFilesOf(folder: string): string[] {
  return readdirSync('/proc/self/fd').flatMap((fd) => {
    try {
      const path = readlinkSync(`/proc/self/fd/${fd}`);
      return path.startsWith(folder) ? [path] : [];
    } catch {
      // That of the listing itself.
      return [];
    }
  });
}

describe('what runs the services', () => {
  const startRig = rigsOfEachTest();

  it('is followed as the configuration says, and closed with the engine', async () => {
    const file = join(tempDir(), 'placement.yaml');
    writeFileSync(file, 'services: { cart: [{ node: node-1 }] }');
    let opened: Orchestrator | undefined;
    let closed = 0;
    const { engine } = await startRig({
      extra: { orchestrator: { static: { file } } },
      parts: {
        orchestrator: async (config, deps) => {
          const real = await sageParts.orchestrator(config, deps);
          if (!real.ok) return real;
          opened = real.value;
          const close = async () => {
            closed++;
            await opened?.close();
          };
          return success(opened && { ...opened, close });
        },
      },
    });
    expect(opened?.instances().map(({ service, node }) => `${service} ${node}`)).to.deep.equal([
      'cart node-1',
    ]);
    await engine.close();
    expect(closed).to.equal(1);
  });

  it('is nothing where the configuration does not name it', async () => {
    const deps = { logger: silentLogger, clock: systemClock, bounds: () => undefined };
    expect(await sageParts.orchestrator(configOf(tempDir()), deps)).to.deep.equal(success(undefined));
  });

  it('must be usable at the start, and leaves the data to the next one where it is not', async () => {
    const dataDir = tempDir();
    const refused = await startEngine(
      configOf(dataDir, { orchestrator: { static: { file: '/nowhere/x' } } }),
      {
        clock: systemClock,
        logger: silentLogger,
        fetch,
      },
    );
    expect(refused.ok ? '' : refused.message).to.match(/^orchestrator: the placement cannot be read: ENOENT/);
    if (process.platform === 'linux') expect(openFilesOf(dataDir)).to.deep.equal([]);
    await startRig({ dataDir });
  });

  it('needs a restart to be another', async () => {
    const { engine, config } = await startRig();
    const changed = { ...config, orchestrator: { kind: 'static', file: 'x', pollSeconds: 5 } as const };
    const reloaded = engine.reload(changed);
    expect(reloaded.ok ? '' : reloaded.message).to.equal(
      'orchestrator changed: restart Sage for that to take effect',
    );
  });
});
