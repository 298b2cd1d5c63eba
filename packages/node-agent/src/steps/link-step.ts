/** The steps with which the agent queues a link's traffic itself. All are safe to apply and to undo twice. */
export type LinkStep = LinkMirrorStep | LinkRootStep | LinkClassStep | LinkRedirectStep;

/** A device of our own (ifb), where what comes in at an interface can be queued. Undone once nothing is queued there. */
export interface LinkMirrorStep {
  readonly op: 'link-mirror';
  readonly device: string;
}

/**
 * A root HTB of our own. What no filter puts into a class goes to the one that is `open` to it: one through which
 * everybody else passes unshaped, or that of the target where the whole interface is its own. Undone once no class of a
 * target is left.
 */
export interface LinkRootStep {
  readonly op: 'link-root';
  readonly device: string;
  readonly shared: boolean;
}

/** Packets of one address. */
export interface LinkMatch {
  readonly field: 'src' | 'dst';
  readonly address: string;
}

/** A class of our own HTB with filters that lead to it; none where the whole interface is the target's. */
export interface LinkClassStep {
  readonly op: 'link-class';
  readonly device: string;
  readonly minor: number;
  readonly matches: readonly LinkMatch[];
  /** bit/s; rate and ceiling. */
  readonly value: number;
  /** null: there was no such class. */
  readonly was: number | null;
}

/** What comes in at a device to another one; without matches all of it. */
export interface LinkRedirectStep {
  readonly op: 'link-redirect';
  readonly device: string;
  readonly to: string;
  /** Of the class that it serves: filters of one target carry its number. */
  readonly minor: number;
  readonly matches: readonly LinkMatch[];
}
