import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { expect } from 'chai';
import { freePort } from '../src/application/index.js';

describe('a free port', () => {
  it('can be listened on, and is none that the kernel gives to the near end of a connection', async () => {
    const ephemeral = Number.parseInt(readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8'), 10);
    for (let i = 0; i < 20; i++) {
      const port = await freePort();
      expect(port).to.be.lessThan(ephemeral);
      const server = createServer().listen(port, '127.0.0.1');
      await once(server, 'listening');
      server.close();
    }
  });

  it('is the wanted one, or none', async () => {
    const wanted = await freePort();
    expect(await freePort(wanted)).to.equal(wanted);
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const taken = (server.address() as AddressInfo).port;
    const refused = await freePort(taken).then(
      () => undefined,
      (error: NodeJS.ErrnoException) => error.code,
    );
    server.close();
    expect(refused).to.equal('EADDRINUSE');
  });
});
