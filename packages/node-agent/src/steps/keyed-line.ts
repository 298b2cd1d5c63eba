/**
 * The line with the same key, of a file that has one for each. The kernel leaves out a line that limits nothing: this
 * one says it. `io.weight`, `io.max` and `blkio.throttle.read_bps_device`:
 *
 *     default 100                                        8:0 rbps=1048576 wbps=max riops=max wiops=max
 *     8:16 200                                           254:0 1048576
 */
export function lineLike(found: string, wanted: string): string {
  const [key, ...limits] = wanted.split(' ');
  const line = found.split('\n').find((each) => each.startsWith(`${key} `));
  const none = limits.map((limit) => (limit.includes('=') ? limit.replace(/=.*/, '=max') : '0'));
  return line?.trim() ?? [key, ...none].join(' ');
}

/** Whether a line is in force, whatever stands beside it. */
export function hasLine(found: string, wanted: string): boolean {
  return lineLike(found, wanted) === wanted;
}
