/** Thrift's types, numbered as the binary protocol does. */
export const ThriftType = {
  stop: 0,
  bool: 2,
  byte: 3,
  double: 4,
  i16: 6,
  i32: 8,
  i64: 10,
  string: 11,
  struct: 12,
  map: 13,
  set: 14,
  list: 15,
} as const;

/** Deeper nesting than any message of Jaeger has is an attack on the stack. */
const MAX_DEPTH = 32;

/** A text that is kept is never longer. */
const MAX_TEXT_BYTES = 1024;

/** Thrift that is malformed, or larger than its limits; `message` says where and how. */
export class ThriftError extends Error {}

export interface ThriftMessageHead {
  readonly name: string;
  /** 1 call, 2 reply, 3 exception, 4 oneway. */
  readonly type: number;
}

export interface ThriftListHead {
  readonly elementType: number;
  readonly size: number;
}

/**
 * Reads thrift out of a buffer, never past its end. Every element takes at least a byte, and a count is checked against
 * the bytes left, so the work is bounded by the length of the datagram. Errors are thrown as ThriftError.
 */
export abstract class ThriftReader {
  protected position = 0;
  protected readonly buffer: Buffer;
  #depth = 0;
  /** The last i64 as two unsigned halves: ids need all of their bits. */
  protected high = 0;
  protected low = 0;

  constructor(buffer: Buffer) {
    this.buffer = buffer;
  }

  abstract messageBegin(): ThriftMessageHead;
  abstract list(): ThriftListHead;
  abstract bool(): boolean;
  abstract i32(): number;
  abstract double(): number;
  protected abstract mapHead(): { keyType: number; valueType: number; size: number };
  /** Reads the header of the next field into `fieldId`, and returns its type; `stop` at the end of the struct. */
  protected abstract fieldBegin(previousId: number): number;
  protected abstract readI64(): void;
  protected abstract textLength(): number;
  protected abstract skipNumber(type: number): void;
  protected fieldId = 0;

  /** Calls `onField` for each field; a field that it does not read, by returning false, is skipped. */
  struct(onField: (id: number, type: number) => boolean): void {
    this.#enter();
    let id = 0;
    for (;;) {
      const type = this.fieldBegin(id);
      if (type === ThriftType.stop) break;
      id = this.fieldId;
      if (!onField(id, type)) this.skip(type);
    }
    this.#depth--;
  }

  /** The elements of a list of structs, each read by `onElement`. */
  structs(onElement: () => void): void {
    const { elementType, size } = this.list();
    for (let i = 0; i < size; i++) {
      if (elementType === ThriftType.struct) onElement();
      else this.skip(elementType);
    }
  }

  text(): string {
    const length = this.need(this.textLength());
    const start = this.position;
    this.position += length;
    return this.buffer.toString('utf8', start, start + Math.min(length, MAX_TEXT_BYTES));
  }

  /** An i64 as sixteen hex digits. */
  hex64(): string {
    this.readI64();
    return this.high.toString(16).padStart(8, '0') + this.low.toString(16).padStart(8, '0');
  }

  /** An i64 as the nearest number. */
  i64(): number {
    this.readI64();
    return (this.high | 0) * 2 ** 32 + this.low;
  }

  skip(type: number): void {
    switch (type) {
      case ThriftType.string: {
        const length = this.need(this.textLength());
        this.position += length;
        return;
      }
      case ThriftType.struct:
        this.struct(() => false);
        return;
      case ThriftType.list:
      case ThriftType.set: {
        this.#enter();
        const { elementType, size } = this.list();
        for (let i = 0; i < size; i++) this.skip(elementType);
        this.#depth--;
        return;
      }
      case ThriftType.map: {
        this.#enter();
        const { keyType, valueType, size } = this.mapHead();
        for (let i = 0; i < size; i++) {
          this.skip(keyType);
          this.skip(valueType);
        }
        this.#depth--;
        return;
      }
      default:
        this.skipNumber(type);
    }
  }

  /** Checks that so many bytes are left. */
  protected need(bytes: number): number {
    if (bytes > this.buffer.length - this.position) {
      throw new ThriftError(
        `byte ${this.position}: ${bytes} bytes are announced, ${this.buffer.length - this.position} are left`,
      );
    }
    return bytes;
  }

  protected byte(): number {
    this.need(1);
    return this.buffer[this.position++] as number;
  }

  protected unknownType(type: number): never {
    throw new ThriftError(`byte ${this.position}: ${type} is not a type of this protocol`);
  }

  #enter(): void {
    if (++this.#depth > MAX_DEPTH)
      throw new ThriftError(`byte ${this.position}: nested more than ${MAX_DEPTH} deep`);
  }
}
