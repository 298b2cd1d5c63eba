/**
 * One end of a bulk copy that fills a link. `sink HOST` answers every datagram with its length; `source HOST PORT WINDOW
 * RATE` keeps WINDOW bytes on the way, at most RATE bytes per second. On a link slower than RATE the window is what
 * queues there: everybody's packets wait WINDOW divided by the speed of the link.
 */
import { createSocket } from 'node:dgram';

const DATAGRAM = Buffer.alloc(8192);
const TICK_MS = 10;
/** Without an answer for so long, what was on the way is lost. */
const LOST_MS = 1000;

process.once('disconnect', () => process.exit(0));

const [role, host = '', ...numbers] = process.argv.slice(2);
const [port = 0, windowBytes = 0, bytesPerSecond = 0] = numbers.map(Number);
if (role === 'sink') sink();
else source();

function sink(): void {
  const socket = createSocket('udp4');
  socket.on('message', (message, from) => socket.send(String(message.length), from.port, from.address));
  socket.bind({ address: host, port: 0 }, () => {
    process.send?.({ kind: 'ready', port: socket.address().port });
  });
}

function source(): void {
  const socket = createSocket('udp4');
  let onTheWay = 0;
  let allowance = 0;
  let answeredMs = performance.now();
  let tickedMs = answeredMs;
  socket.on('message', (message) => {
    onTheWay = Math.max(0, onTheWay - Number(message.toString()));
    answeredMs = performance.now();
  });
  const tick = () => {
    const nowMs = performance.now();
    allowance = Math.min(windowBytes, allowance + (bytesPerSecond * (nowMs - tickedMs)) / 1000);
    tickedMs = nowMs;
    if (nowMs - answeredMs > LOST_MS) {
      onTheWay = 0;
      answeredMs = nowMs;
    }
    while (allowance >= DATAGRAM.length && onTheWay + DATAGRAM.length <= windowBytes) {
      socket.send(DATAGRAM, port, host);
      allowance -= DATAGRAM.length;
      onTheWay += DATAGRAM.length;
    }
  };
  socket.bind(0, () => {
    setInterval(tick, TICK_MS);
    process.send?.({ kind: 'ready' });
  });
}
