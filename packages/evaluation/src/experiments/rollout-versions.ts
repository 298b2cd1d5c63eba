import type { TopologyEdit } from '@sage/simulator';

/** A state that an application is in after a roll-out: how it differs from what it was before all of them. */
export interface Version {
  readonly letter: string;
  /** What the roll-out changed. */
  readonly words: string;
  readonly edits: readonly TopologyEdit[];
}

const HASHTAG = 'hashtag-service';
const PREPROCESSING = 'url-preprocessing';

const withHashtag: TopologyEdit = { edit: 'addCallee', caller: 'compose-post-service', name: HASHTAG };
const withPreprocessing: TopologyEdit = {
  edit: 'insertBetween',
  caller: 'url-shorten-service',
  callee: 'url-shorten-mongodb',
  name: PREPROCESSING,
};
/** The paper names a factor for the hashtags alone; what is slowed down later is so by the same. */
const slowed = (name: string): TopologyEdit => ({ edit: 'scaleWork', name, cpu: 5 });

/**
 * The six roll-outs of the paper's section on retraining. What it leaves open: `hashtag-service` comes back in E as it
 * was when it went, so that F has a previous configuration to revert it to; `compose-post-service` needs twice as much
 * in F. With a timeline go the stores that only it used, and in F the social graph, which nobody else asks in this workload;
 * its page is still asked for, and answered without it.
 */
export const SOCIAL_NETWORK_ROLLOUTS: readonly Version[] = [
  {
    letter: 'A',
    words: 'hashtag-service comes, called by compose-post',
    edits: [withHashtag],
  },
  {
    letter: 'B',
    words: 'hashtag-service computes five times as much',
    edits: [withHashtag, slowed(HASHTAG)],
  },
  { letter: 'C', words: 'hashtag-service goes', edits: [] },
  {
    letter: 'D',
    words: 'url-preprocessing comes between url-shorten and its database',
    edits: [withPreprocessing],
  },
  {
    letter: 'E',
    words: 'hashtag-service comes back, url-preprocessing computes five times as much, user-timeline goes',
    edits: [
      withPreprocessing,
      slowed(PREPROCESSING),
      withHashtag,
      slowed(HASHTAG),
      { edit: 'removeService', name: 'user-timeline-service' },
    ],
  },
  {
    letter: 'F',
    words:
      'hashtag-service and url-preprocessing as they first were, user-timeline comes back, home-timeline goes, compose-post needs twice the processor time and memory',
    edits: [
      withPreprocessing,
      withHashtag,
      { edit: 'removeService', name: 'home-timeline-service' },
      { edit: 'scaleWork', name: 'compose-post-service', cpu: 2, memory: 2 },
    ],
  },
];
