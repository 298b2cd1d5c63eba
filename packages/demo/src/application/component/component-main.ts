import { readFile } from 'node:fs/promises';
import { createLogger, errorMessage } from '@sage/core';
import { readHotelTopology } from '../topology/topology.js';
import { startComponent } from './component.js';
import type { ComponentConfig, ReadyMessage } from './config.js';

const log = createLogger((line) => process.stderr.write(line), Date.now);

try {
  const file = process.argv[2];
  if (file === undefined) throw new Error('usage: component-main CONFIG.json');
  const config = JSON.parse(await readFile(file, 'utf8')) as ComponentConfig;
  const topology = await readHotelTopology();
  if (!topology.ok) throw new Error(topology.message);
  const component = await startComponent(config, { topology: topology.value, log });

  let closing = false;
  const close = () => {
    if (closing) return;
    closing = true;
    // Whatever hangs must not outlive the demo.
    setTimeout(() => process.exit(0), 2000).unref();
    component.close().then(
      () => process.exit(0),
      () => process.exit(0),
    );
  };
  process.once('SIGTERM', close);
  process.on('SIGINT', () => {});
  // The parent is gone, however it ended: this process has no business alone.
  process.once('disconnect', close);
  const ready: ReadyMessage = { kind: 'ready', port: component.port };
  process.send?.(ready);
} catch (error) {
  log.error('the component did not start', { error: errorMessage(error) });
  process.exit(1);
}
