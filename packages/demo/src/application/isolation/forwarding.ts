import { connect, createServer, type ListenOptions, type NetConnectOpts, type Server } from 'node:net';

/** Hands every connection made to `from` on to `to`. Rejects where `from` cannot be listened on. */
export function forward(from: ListenOptions, to: NetConnectOpts): Promise<Server> {
  const server = createServer((client) => {
    const inner = connect(to);
    client.pipe(inner).pipe(client);
    // Not there yet, or gone: the client sees a closed connection.
    for (const [mine, other] of [
      [client, inner],
      [inner, client],
    ] as const) {
      mine.on('error', () => other.destroy());
      mine.on('close', () => other.destroy());
    }
  });
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(from, () => resolve(server.unref()));
  });
}
