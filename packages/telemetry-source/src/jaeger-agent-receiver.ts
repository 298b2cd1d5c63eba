import { createSocket } from 'node:dgram';
import { isIPv6 } from 'node:net';
import { type Outcome, type Span, success } from '@sage/core';
import { Counters } from './counters.js';
import { type DatagramFailure, decodeJaegerDatagram } from './jaeger-batch.js';
import { type ListenAddress, type ListenFailure, listenFailure } from './listen-failure.js';
import type { Consumer } from './overload.js';
import { SPAN_REJECTION_TEXT, type SpanRejection } from './raw-span.js';

export interface JaegerAgentReceiverOptions {
  readonly host: string;
  /** 0: any free one; read it off `address`. */
  readonly port: number;
  /** What the kernel shall keep while the program is busy; it may give less. */
  readonly socketBufferBytes?: number;
  /** The configuration key of host and port, for messages. */
  readonly setting?: string;
  /** UDP has no answer: a batch that is refused is dropped and counted. */
  readonly onSpans: Consumer<Span>;
  /** The consumer or the socket failed. */
  readonly onError?: (error: unknown) => void;
}

export interface JaegerAgentReceiverStats {
  readonly spansReceived: number;
  readonly spansDropped: Partial<Record<SpanRejection | 'overloaded' | 'consumer_failed', number>>;
  readonly datagrams: number;
  /** Datagrams nothing was read from. */
  readonly datagramsDropped: Partial<Record<DatagramFailure, number>>;
  /** The latest problem in words, for people. */
  readonly lastProblem: string | undefined;
}

export interface JaegerAgentReceiver {
  readonly address: ListenAddress;
  stats(): JaegerAgentReceiverStats;
  close(): Promise<void>;
}

/** A Jaeger agent's UDP port: takes compact and binary thrift alike, whichever arrives. */
export function createJaegerAgentReceiver(
  options: JaegerAgentReceiverOptions,
): Promise<Outcome<JaegerAgentReceiver, ListenFailure>> {
  const { host, port, socketBufferBytes = 4 * 2 ** 20, setting = 'receivers.jaeger_udp' } = options;
  const spansDropped = new Counters<SpanRejection | 'overloaded' | 'consumer_failed'>();
  const datagramsDropped = new Counters<DatagramFailure>();
  let spansReceived = 0;
  let datagrams = 0;
  let lastProblem: string | undefined;

  const take = (datagram: Buffer) => {
    datagrams++;
    const decoded = decodeJaegerDatagram(datagram);
    if (!decoded.ok) {
      datagramsDropped.add(decoded.reason);
      lastProblem = decoded.message;
      return;
    }
    const { spans, rejected } = decoded.value;
    spansDropped.addAll(rejected);
    for (const reason of rejected.keys()) lastProblem = `span rejected: ${SPAN_REJECTION_TEXT[reason]}`;
    if (spans.length === 0) return;
    try {
      if (options.onSpans(spans) === undefined) {
        spansReceived += spans.length;
      } else {
        spansDropped.add('overloaded', spans.length);
        lastProblem = 'more spans than can be taken';
      }
    } catch (error) {
      spansDropped.add('consumer_failed', spans.length);
      options.onError?.(error);
    }
  };

  return new Promise((resolve) => {
    const socket = createSocket({ type: isIPv6(host) ? 'udp6' : 'udp4', recvBufferSize: socketBufferBytes });
    socket.once('error', (error) => {
      socket.close();
      resolve(listenFailure('a Jaeger agent over UDP', { host, port }, setting, error));
    });
    socket.bind({ address: host, port }, () => {
      socket.removeAllListeners('error');
      socket.on('error', (error) => options.onError?.(error));
      socket.on('message', take);
      const bound = socket.address();
      resolve(
        success({
          address: { host: bound.address, port: bound.port },
          stats: () => ({
            spansReceived,
            spansDropped: spansDropped.snapshot(),
            datagrams,
            datagramsDropped: datagramsDropped.snapshot(),
            lastProblem,
          }),
          close: () => new Promise((closed) => socket.close(() => closed())),
        }),
      );
    });
  });
}
