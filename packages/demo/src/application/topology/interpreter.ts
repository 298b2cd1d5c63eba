import type { Rng } from '@sage/core';
import type { RepeatCount, TreeNode } from './tree.js';

/** What the leaves of a tree do in the real world. */
export interface Effects {
  call(to: string, operation: string, clientSpan: string | undefined): Promise<void>;
  store(to: string, operation: string, span: string | undefined): Promise<void>;
  local(text: string): void;
  /** Work that nobody waits for failed. */
  onAsyncError(error: unknown): void;
}

export interface InterpreterOptions {
  readonly rng: Rng;
  /** Chance that a cache misses, 0..1. */
  readonly missRatio: number;
}

/** Does one request's work: walks the tree, and draws the misses and branches of this request. */
export function runTree(tree: TreeNode, effects: Effects, options: InterpreterOptions): Promise<void> {
  const { rng, missRatio } = options;
  let nights: number | undefined;

  const timesOf = (count: RepeatCount): number => {
    switch (count.kind) {
      case 'fixed':
        return count.times;
      case 'misses':
        return rng.uniform() < missRatio ? 1 : 0;
      case 'nights':
        nights ??= 1 + rng.integer(5);
        return nights;
    }
  };

  const run = async (node: TreeNode): Promise<void> => {
    switch (node.kind) {
      case 'seq':
        for (const step of node.steps) await run(step);
        return;
      case 'par':
        await Promise.all(node.steps.map(run));
        return;
      case 'call':
        return effects.call(node.to, node.operation, node.clientSpan);
      case 'store':
        return effects.store(node.to, node.operation, node.span);
      case 'local':
        return effects.local(node.text);
      case 'async':
        run(node.body).catch(effects.onAsyncError);
        return;
      case 'branch': {
        const { chance } = node;
        const p = chance.kind === 'fixed' ? chance.p : chance.kind === 'miss' ? missRatio : 1 - missRatio;
        return run(rng.uniform() < p ? node.then : node.else);
      }
      case 'repeat': {
        const times = timesOf(node.count);
        if (node.parallel) {
          await Promise.all(Array.from({ length: times }, () => run(node.body)));
        } else {
          for (let i = 0; i < times; i++) await run(node.body);
        }
        return;
      }
    }
  };
  return run(tree);
}
