import { NamedRpc, type RpcKey } from '@sage/core';

/** The calls from one service to another. */
export interface Link {
  readonly caller: string;
  readonly callee: string;
  /** Whether they usually come with both spans: then a lone client span means a lost one. */
  paired: boolean;
  /** Whether a client span was alone in a whole trace: the callee has no spans of its own. */
  alone: boolean;
  readonly rpcs: Map<string, RpcKey>;
}

type Links = Map<string, Map<string, Link>>;

/**
 * Who calls whom for what, as seen lately. Equal calls are given one and the same key, which knows its id. Memory is
 * bounded: beyond `most` links and kinds of calls it begins anew, and of what was before only whether spans come paired or
 * alone is still known.
 */
export class RpcLinks {
  readonly #most: number;
  #recent: Links = new Map();
  #before: Links = new Map();
  #size = 0;

  constructor(most: number) {
    this.#most = most;
  }

  between(caller: string, callee: string): Link {
    return this.#recent.get(caller)?.get(callee) ?? this.#add(caller, callee);
  }

  rpc(link: Link, operation: string): RpcKey {
    const known = link.rpcs.get(operation);
    if (known !== undefined) return known;
    const rpc = new NamedRpc(link.caller, link.callee, operation);
    link.rpcs.set(operation, rpc);
    this.#grow();
    return rpc;
  }

  #add(caller: string, callee: string): Link {
    const { paired = false, alone = false } = this.#before.get(caller)?.get(callee) ?? {};
    const link = { caller, callee, paired, alone, rpcs: new Map() };
    const ofCaller = this.#recent.get(caller);
    if (ofCaller === undefined) this.#recent.set(caller, new Map([[callee, link]]));
    else ofCaller.set(callee, link);
    this.#grow();
    return link;
  }

  #grow(): void {
    this.#size += 1;
    if (this.#size < this.#most) return;
    this.#before = this.#recent;
    this.#recent = new Map();
    this.#size = 0;
  }
}
