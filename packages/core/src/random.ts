import { xoroshiro128plusFromState } from 'pure-rand/generator/xoroshiro128plus';

/** Seeded random numbers. The same seed and the same calls give the same numbers on every platform. */
export interface Rng {
  /** Uniform in [0, 1). */
  uniform(): number;
  /** Uniform integer in [0, bound). */
  integer(bound: number): number;
  /** Standard normal (Box and Muller 1958). */
  normal(): number;
  /** Exponential with the given mean. */
  exponential(mean: number): number;
  pick<T>(items: readonly T[]): T;
  /** An independent stream that depends only on the seed and the name, not on draws made so far. */
  fork(name: string): Rng;
}

export function createRng(seed: number): Rng {
  const generator = xoroshiro128plusFromState([1, 2, 3, 4].map((word) => scramble(seed, word)));
  const uniform = () => (generator.next() >>> 0) / 0x1_0000_0000;
  let spare: number | undefined;
  return {
    uniform,
    integer: (bound) => Math.floor(uniform() * bound),
    normal: () => {
      if (spare !== undefined) {
        const value = spare;
        spare = undefined;
        return value;
      }
      const radius = Math.sqrt(-2 * Math.log(1 - uniform()));
      const angle = 2 * Math.PI * uniform();
      spare = radius * Math.sin(angle);
      return radius * Math.cos(angle);
    },
    exponential: (mean) => -mean * Math.log(1 - uniform()),
    pick: (items) => {
      if (items.length === 0) throw new RangeError('cannot pick from an empty list');
      return items[Math.floor(uniform() * items.length)] as (typeof items)[number];
    },
    fork: (name) => createRng(hash32(name, seed)),
  };
}

/** FNV-1a over the UTF-16 code units, mixed with the seed. */
function hash32(text: string, seed: number): number {
  let hash = 0x811c9dc5 ^ seed;
  for (let i = 0; i < text.length; i++) {
    hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  }
  return hash | 0;
}

/** MurmurHash3's finaliser over seed and word: the generator starts badly from states of few bits. */
function scramble(seed: number, word: number): number {
  let h = (seed | 0) ^ Math.imul(word, 0x9e3779b9);
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}
