import { RESOURCES, type Resource } from '@sage/core';
import { calleeSlowness } from './attribution.js';
import { hasWaited } from './directness.js';
import { ownAnomaly } from './evidence.js';
import type { Inquiry } from './inquiry.js';
import type { JudgedServices } from './judge-services.js';
import type { Scene } from './scene.js';
import { peerOf } from './standing.js';

/** A fault that costs less than this part of the worlds in which the objective would be as usual costs nothing. */
const REAL_LOSS = 0.15;

/** What those who run on one host take from each other. */
const OF_THE_HOST: readonly Resource[] = ['cpu', 'memory', 'disk', 'llc'];

type Seen = Pick<Scene, 'signs' | 'signsOf'> & {
  readonly facts: Pick<Scene['facts'], 'responsibility' | 'attribution'>;
};

/** What it is told by. */
export interface OwnFaultsFacts extends Pick<Inquiry, 'ask'> {
  readonly scene: Seen;
  readonly settings: Pick<Inquiry['settings'], 'maxCulprits' | 'anomalyThreshold'>;
}

/**
 * Who is at fault beside the fewest whose restoration restores the objective. With the worst of two faults mended the
 * objective may hold, and not be as usual all the same: the tail of a latency shows the slower of two, and of the other
 * little. So whoever is out of the ordinary by signs that are no doings of those already blamed is blamed, too, where
 * the objective would be as usual more likely had he behaved as well, those who bring it nearest first. Nobody who is odd
 * and harms nobody; nobody whom what he shares with a culprit speaks against, which is another explanation of the same, or
 * latency alone, which may as well be an error of the model; nor who lacks what a culprit lacks, where neighbours on one host
 * lack it together.
 */
export function withOwnFaults(
  { scene, settings, ask }: OwnFaultsFacts,
  { ranked, areSuspect }: Pick<JudgedServices, 'ranked' | 'areSuspect'>,
  blamed: readonly string[],
): readonly string[] {
  const suspects = areSuspect ? ranked.map(({ service }) => service) : [];
  const usual = (services: readonly string[]) => ask(services.map((service) => ({ service }))).usual;
  let chosen = blamed;
  while (chosen.length < settings.maxCulprits) {
    const now = usual(chosen);
    if (now + REAL_LOSS >= 1) break;
    const [best] = suspects
      .filter((service) => !chosen.includes(service))
      .filter((service) => anomalyBeside(service, chosen, scene) >= settings.anomalyThreshold)
      .filter((service) => !mayBeNeighbour(service, chosen, scene))
      .filter((service) =>
        hasWaited(scene.signsOf(service), leadingResource(service, scene), settings.anomalyThreshold),
      )
      .map((service) => ({ service, next: usual([...chosen, service]) }))
      .sort((a, b) => b.next - a.next);
    if (best === undefined || best.next - now <= REAL_LOSS) break;
    chosen = [...chosen, best.service];
  }
  return chosen;
}

/** How far a service is from normal by its own doing, but for what it shares with others. */
function anomalyBeside(service: string, others: readonly string[], { signsOf, signs, facts }: Seen): number {
  const own = signsOf(service);
  const shared = own.shared.filter(({ node }) => !others.includes(peerOf(service, node) ?? ''));
  return ownAnomaly({ ...own, shared }, facts.responsibility, () =>
    calleeSlowness(service, signs, facts.responsibility),
  ).decisive;
}

function mayBeNeighbour(service: string, others: readonly string[], scene: Seen): boolean {
  const lacks = leadingResource(service, scene);
  return OF_THE_HOST.includes(lacks) && others.some((other) => leadingResource(other, scene) === lacks);
}

function leadingResource(service: string, { facts }: Seen): Resource {
  const parts = facts.attribution(service);
  return RESOURCES.reduce((a, b) => ((parts.get(b) ?? 0) > (parts.get(a) ?? 0) ? b : a));
}
