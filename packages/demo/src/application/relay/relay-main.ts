import type { AddressInfo } from 'node:net';
import { createLogger, createRng, errorMessage } from '@sage/core';
import { createControl } from './control.js';
import { Link } from './link.js';
import type { RelayCommand, RelayReport } from './messages.js';

const log = createLogger((line) => process.stderr.write(line), Date.now);
const links = new Map<string, Link>();

function report(message: RelayReport): void {
  process.send?.(message);
}

async function open(command: Extract<RelayCommand, { kind: 'open' }>): Promise<void> {
  const rng = createRng(command.seed).fork('relay');
  const ports: Record<string, { port: number; echoPort: number }> = {};
  for (const { link, host } of command.links) {
    const one = new Link({ link, host, uniform: () => rng.uniform(), nowMs: () => performance.now() });
    links.set(link, one);
    ports[link] = await one.open();
  }
  const control = createControl(links);
  control.listen({ host: '127.0.0.1', port: 0 }, () => {
    report({ kind: 'opened', ports, controlPort: (control.address() as AddressInfo).port });
  });
}

process.on('message', (command: RelayCommand) => {
  if (command.kind === 'target') {
    links.get(command.link)?.setTarget(command.target);
    return;
  }
  open(command).catch((error: unknown) => {
    log.error('the relay did not open its links', { error: errorMessage(error) });
    process.exit(1);
  });
});
process.once('SIGTERM', () => process.exit(0));
process.on('SIGINT', () => {});
process.once('disconnect', () => process.exit(0));
report({ kind: 'started' });
