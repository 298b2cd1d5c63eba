/**
 * How long a day of an application takes against the five minutes it may take on one core:
 *
 *     node packages/simulator/dist/programs/day.js [topology] [requests per second] [share of a day] [traced share]
 */
import { loadTopology, simulate } from '../src/index.js';

const LIMIT_SECONDS = 300;
const DAY_MS = 86_400_000;

const [name = 'social-network', perSecond = '50', share = '1', sampling = '0.1'] = process.argv.slice(2);
const durationMs = DAY_MS * Number(share);
const batches = simulate(loadTopology(name), {
  durationMs,
  requestsPerSecond: Number(perSecond),
  sampling: Number(sampling),
});
const before = process.cpuUsage();
let spans = 0;
let readings = 0;
let mostBytes = 0;
for (;;) {
  const { value, done } = batches.next();
  if (done) {
    const { user, system } = process.cpuUsage(before);
    const seconds = (user + system) / 1e6;
    const day = seconds / Number(share);
    console.log(`${name}, ${perSecond} requests/s, ${durationMs / 60_000} minutes, traced ${sampling}`);
    console.log(`requests ${value.arrived}, events ${value.events}, spans ${spans}, readings ${readings}`);
    console.log(
      `processor ${seconds.toFixed(1)} s, ${((1e6 * seconds) / value.arrived).toFixed(1)} µs a request`,
    );
    console.log(`memory ${(mostBytes / 1e6).toFixed(0)} MB at most`);
    console.log(
      `a day: ${day.toFixed(0)} s of ${LIMIT_SECONDS} s, ratio ${(day / LIMIT_SECONDS).toFixed(2)}`,
    );
    process.exitCode = day <= LIMIT_SECONDS ? 0 : 1;
    break;
  }
  spans += value.spans.length;
  readings += value.readings.length;
  if (value.nowMs % 60_000 === 0) mostBytes = Math.max(mostBytes, process.memoryUsage().rss);
}
