import { FEATURES } from '@sage/core';
import type { Answer, Method, Observed, Ranked } from '../observed.js';
import { candidates } from './candidates.js';

const UTILISATION = 'cpu_host_busy_ratio';
const { resource } = FEATURES[UTILISATION];

/**
 * An autoscaler (Sage, section 5: "Autoscale"): flags every tier whose processor utilisation is above 50 % (strict) or 70 %
 * (relax), whatever the objective does.
 *
 * Decided here: utilisation is the busy share of the cores that the service may run on, the one utilisation that a window
 * has as a share; a tier of which it is not known is never flagged. Tiers are ranked by it, those below the threshold, too,
 * so that a ranking can be scored.
 */
export function autoscaleMethod(name: 'autoscale-strict' | 'autoscale-relax'): Method {
  const threshold = name === 'autoscale-strict' ? 0.5 : 0.7;
  return { name, answer: (observed) => answerOf(observed, threshold) };
}

function answerOf(observed: Observed, threshold: number): Answer {
  const ranked = candidates(observed)
    .flatMap((service): Ranked[] => {
      const utilisation = observed.window.metrics.get(service)?.get(UTILISATION);
      return utilisation === undefined ? [] : [{ service, resource, probability: utilisation }];
    })
    .sort((a, b) => b.probability - a.probability);
  const blamed = ranked.filter(({ probability }) => probability > threshold);
  return { verdict: blamed.length > 0 ? 'culprits' : 'undetermined', blamed, ranked };
}
