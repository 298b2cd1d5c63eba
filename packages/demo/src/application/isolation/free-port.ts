import { randomInt } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:net';

const LOWEST = 10_000;
const TRIES = 100;
/** Linux' default. */
const FIRST_EPHEMERAL = 32_768;

/**
 * A port of 127.0.0.1 that nobody listens on now: the wanted one, or any. None that the kernel gives to the near end of a
 * connection: of many connections one would have it by the time that somebody listens. Rejects where the wanted one is
 * taken.
 */
export async function freePort(wanted = 0): Promise<number> {
  if (wanted !== 0) return listenBriefly(wanted);
  const end = await firstEphemeralPort();
  for (let tries = 1; ; tries++) {
    try {
      return await listenBriefly(randomInt(LOWEST, end));
    } catch (error) {
      if (tries === TRIES) throw error;
    }
  }
}

async function listenBriefly(port: number): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host: '127.0.0.1', port }, resolve);
  });
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function firstEphemeralPort(): Promise<number> {
  const range = await readFile('/proc/sys/net/ipv4/ip_local_port_range', 'utf8').catch(() => '');
  const first = Number.parseInt(range, 10);
  return first > LOWEST ? first : FIRST_EPHEMERAL;
}
