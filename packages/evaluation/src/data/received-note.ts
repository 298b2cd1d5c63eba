import type { CollectorStats } from '@sage/collector-extension';

/** What the collector took and what it lost, in a line. */
export function receivedNote({
  spansReceived,
  spansDropped,
  spansRefused,
  observations,
}: CollectorStats): string {
  const lost = Object.entries(spansDropped).flatMap(([reason, count]) =>
    count > 0 ? [`${reason} ${count}`] : [],
  );
  return (
    `${spansReceived} spans, ${spansRefused} refused; gave no call: ${lost.join(', ') || 'none'}; ` +
    `${observations.accepted} calls, ${observations.tooOld} after their window`
  );
}
