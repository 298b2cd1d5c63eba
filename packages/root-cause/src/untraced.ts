import type { Window } from '@sage/core';
import { noSigns, readFeatures, type ServiceSigns, strength } from './anomaly.js';
import { ownAnomaly } from './evidence.js';
import type { GraphView, HiddenWay } from './graph-view.js';
import type { NormalReference } from './normal-reference.js';
import { splitBlame } from './responsibility.js';
import { contentionOf } from './standing.js';

/** Nobody knows whether it is called at all: its trouble speaks for it a little less than that of who is. */
const UNTRACED_PART = 0.75;

/** What is seen of an application, and of whom nobody traces. */
export interface Seen {
  readonly view: GraphView;
  readonly signs: ReadonlyMap<string, ServiceSigns>;
}

/**
 * A service that is measured and that no span tells of is called by somebody all the same, most often a store whose
 * client is not instrumented. Where a traced service is slow for no reason that is measured of it, and such a one
 * suffers, the time may be that one's: it then joins the services in question, the most troubled alone, and takes the
 * part of the blame that its trouble against the caller's speaks for.
 */
export function seeUntraced(
  { view, signs }: Seen,
  options: { readonly window: Window; readonly reference: NormalReference; readonly threshold: number },
): Seen {
  const { window, reference, threshold } = options;
  const traced = new Set([...view.nodes.values()].flatMap(({ owners, rpc }) => [...owners, rpc.callee]));
  const untraced = [...window.metrics.keys()].filter((service) => !traced.has(service));
  const troubled = [...readFeatures(untraced, window, reference)]
    .map(([service, features]): ServiceSigns => ({ ...noSigns(service), features }))
    .map((own) => ({ own, z: ownAnomaly(own, () => 0).decisive }))
    .filter(({ z }) => z >= threshold)
    .sort((a, b) => b.z - a.z);
  const [most] = troubled;
  if (most === undefined) return { view, signs };

  const { own, z } = most;
  const ways = [...signs.values()].flatMap((caller): HiddenWay[] => {
    const claims = [
      { owner: caller.service, strength: contentionOf(caller) },
      { owner: own.service, strength: UNTRACED_PART * strength(z) },
    ];
    const part = splitBlame(claims).get(own.service) ?? 0;
    return caller.exclusive
      .filter((entry) => entry.z >= threshold)
      .map(({ node }) => ({ node, callsPerChild: 1, part }));
  });
  if (ways.length === 0) return { view, signs };
  return {
    view: {
      ...view,
      services: [...view.services, own.service].sort(),
      hiddenWays: new Map([...view.hiddenWays, [own.service, ways]]),
    },
    signs: new Map([...signs, [own.service, own]]),
  };
}
