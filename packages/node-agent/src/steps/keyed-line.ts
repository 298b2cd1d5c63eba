/**
 * Whether a line of a file that has one for each key is in force. The kernel leaves out a line that limits nothing, and
 * shows others beside it. `io.weight`, `io.max` and `blkio.throttle.read_bps_device`:
 *
 *     default 100                                        8:0 rbps=1048576 wbps=max riops=max wiops=max
 *     8:16 200                                           254:0 1048576
 */
export function hasLine(found: string, wanted: string): boolean {
  const key = wanted.split(' ', 1)[0] as string;
  const line = found.split('\n').find((each) => each.startsWith(`${key} `));
  return line === undefined ? limitsNothing(wanted) : line.trim() === wanted;
}

function limitsNothing(line: string): boolean {
  return /^\S+(?: \w+=max)+$/.test(line) || /^\d+:\d+ 0$/.test(line);
}
