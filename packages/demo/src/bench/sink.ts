import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer } from 'node:http';

/** A receiver that reads all that it is sent, and drops it. */
export interface Sink {
  /** Bodies and datagrams so far. */
  readonly received: number;
  close(): Promise<void>;
}

/** Listens for OTLP over HTTP and for a Jaeger client over UDP on 127.0.0.1. Rejects where a port is taken. */
export async function startSink(ports: { readonly otlp: number; readonly jaeger: number }): Promise<Sink> {
  let received = 0;
  const server = createServer((request, response) => {
    received += 1;
    request.resume();
    // An empty body is a whole ExportTraceServiceResponse: nothing was refused.
    request.once('end', () => response.writeHead(200).end());
  });
  const socket = createSocket('udp4', () => {
    received += 1;
  });
  server.listen({ host: '127.0.0.1', port: ports.otlp });
  socket.bind({ address: '127.0.0.1', port: ports.jaeger });
  await Promise.all([once(server, 'listening'), once(socket, 'listening')]);
  return {
    get received() {
      return received;
    },
    close: async () => {
      const closed = Promise.all([once(server, 'close'), once(socket, 'close')]);
      server.close();
      server.closeAllConnections();
      socket.close();
      await closed;
    },
  };
}
