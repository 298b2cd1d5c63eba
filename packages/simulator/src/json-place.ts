import { TopologyError } from './topology.js';

/** A value in a JSON file that knows where it stands, so that what is wrong with it can be said precisely. */
export class JsonPlace {
  constructor(
    private readonly file: string,
    readonly path: string,
    readonly value: unknown,
  ) {}

  fail(problem: string): never {
    throw new TopologyError(this.file, this.path, problem);
  }

  has(key: string): boolean {
    return (this.object()[key] ?? null) !== null;
  }

  at(key: string): JsonPlace {
    return new JsonPlace(this.file, `${this.path}.${key}`, this.object()[key]);
  }

  items(): JsonPlace[] {
    if (!Array.isArray(this.value)) return this.fail(`should be a list, is ${shown(this.value)}`);
    return this.value.map((item, index) => new JsonPlace(this.file, `${this.path}[${index}]`, item));
  }

  keys(): string[] {
    return Object.keys(this.object());
  }

  text(): string {
    if (typeof this.value !== 'string' || this.value === '') {
      return this.fail(`should be a text, is ${shown(this.value)}`);
    }
    return this.value;
  }

  textOrNull(): string | null {
    return this.value === null ? null : this.text();
  }

  oneOf<T extends string>(words: readonly T[]): T {
    const word = words.find((candidate) => candidate === this.value);
    return word ?? this.fail(`should be one of ${words.join(', ')}, is ${shown(this.value)}`);
  }

  /** A finite number of at least `least` and at most `most`. */
  number(least = 0, most = Number.POSITIVE_INFINITY): number {
    const { value } = this;
    if (typeof value !== 'number' || !Number.isFinite(value) || value < least || value > most) {
      const upper = most === Number.POSITIVE_INFINITY ? '' : ` and at most ${most}`;
      return this.fail(`should be a number of at least ${least}${upper}, is ${shown(value)}`);
    }
    return value;
  }

  /** The number under a key, or what goes without saying. */
  numberAt(key: string, fallback: number, least = 0, most?: number): number {
    return this.has(key) ? this.at(key).number(least, most) : fallback;
  }

  private object(): Record<string, unknown> {
    if (typeof this.value !== 'object' || this.value === null || Array.isArray(this.value)) {
      return this.fail(`should be an object, is ${shown(this.value)}`);
    }
    return this.value as Record<string, unknown>;
  }
}

function shown(value: unknown): string {
  const text = value === undefined ? 'missing' : JSON.stringify(value);
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}
