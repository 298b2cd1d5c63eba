import type { Block } from '../report/section.js';
import type { CaseResult } from '../scoring.js';
import { isAccurate } from './shares.js';

/** Why methods differ: a row per method, a column per kind of fault with the incidents in which it was accurate. */
export function kindsTable(
  methods: readonly { readonly method: string; readonly cases: readonly CaseResult[] }[],
): Block {
  const incidents = methods.map(({ method, cases }) => ({
    method,
    cases: cases.filter(({ truth }) => truth.length > 0),
  }));
  const kinds = [...new Set(incidents.flatMap(({ cases }) => cases.map(({ kind }) => kind)))].sort();
  const ofKind = (cases: readonly CaseResult[], kind: string) => cases.filter((item) => item.kind === kind);
  return {
    kind: 'table',
    caption:
      'Incidents in which every culprit was blamed and nobody else, by kind of fault, and those in which nobody was blamed. Use alone, which an autoscaler looks at, rises where there is more work: who is starved, waits or loses packets uses no more than before. Seer and the Oracle blame from a threshold on that was best on the labelled run, and are silent below it. Methods that always name one service are right wherever its own metrics stand out most, and pay for it where nobody is to blame; CauseInfer and Microscope begin at the entry and lose their way where a caller stands out as much as who it waits for.',
    columns: [
      'method',
      ...kinds.map((kind) => `${kind} (${ofKind(incidents[0]?.cases ?? [], kind).length})`),
      'silent',
    ],
    rows: incidents.map(({ method, cases }) => [
      method,
      ...kinds.map((kind) => String(ofKind(cases, kind).filter(isAccurate).length)),
      String(cases.filter(({ blamed }) => blamed === 0).length),
    ]),
  };
}
