import {
  ThriftError,
  type ThriftListHead,
  type ThriftMessageHead,
  ThriftReader,
  ThriftType,
} from './thrift-reader.js';

const STRICT_VERSION = 0x8001;
const MAX_METHOD_NAME = 64;

/** Bytes of the numbers, by type; 0 for what is no number. */
const NUMBER_BYTES: Readonly<Record<number, number>> = {
  [ThriftType.bool]: 1,
  [ThriftType.byte]: 1,
  [ThriftType.double]: 8,
  [ThriftType.i16]: 2,
  [ThriftType.i32]: 4,
  [ThriftType.i64]: 8,
};

const KNOWN_TYPES: ReadonlySet<number> = new Set(Object.values(ThriftType));

/** Thrift's binary protocol (doc/specs/thrift-binary-protocol.md), as Jaeger's agent takes it on port 6832. */
export class BinaryThriftReader extends ThriftReader {
  /** Strict: version and type, name, sequence number. Old: name, type in a byte, sequence number. */
  messageBegin(): ThriftMessageHead {
    this.need(4);
    if (this.buffer.readUInt16BE(this.position) === STRICT_VERSION) {
      const type = this.i32() & 0xff;
      const name = this.text();
      this.i32();
      return { name, type };
    }
    const length = this.buffer.readUInt32BE(this.position);
    if (length > MAX_METHOD_NAME) {
      throw new ThriftError(
        `0x${length.toString(16).padStart(8, '0')} opens neither compact nor binary thrift`,
      );
    }
    const name = this.text();
    const type = this.byte();
    this.i32();
    return { name, type };
  }

  protected fieldBegin(): number {
    const type = this.#type();
    if (type !== ThriftType.stop) {
      this.need(2);
      this.fieldId = this.buffer.readInt16BE(this.position);
      this.position += 2;
    }
    return type;
  }

  list(): ThriftListHead {
    const elementType = this.#type();
    return { elementType, size: this.#count() };
  }

  protected mapHead(): { keyType: number; valueType: number; size: number } {
    const keyType = this.#type();
    const valueType = this.#type();
    return { keyType, valueType, size: this.#count() };
  }

  bool(): boolean {
    return this.byte() !== 0;
  }

  i32(): number {
    this.need(4);
    this.position += 4;
    return this.buffer.readInt32BE(this.position - 4);
  }

  double(): number {
    this.need(8);
    this.position += 8;
    return this.buffer.readDoubleBE(this.position - 8);
  }

  protected readI64(): void {
    this.need(8);
    this.high = this.buffer.readUInt32BE(this.position);
    this.low = this.buffer.readUInt32BE(this.position + 4);
    this.position += 8;
  }

  protected textLength(): number {
    const length = this.i32();
    if (length < 0) throw new ThriftError(`byte ${this.position}: a text of ${length} bytes`);
    return length;
  }

  protected skipNumber(type: number): void {
    this.position += this.need(NUMBER_BYTES[type] ?? this.unknownType(type));
  }

  #type(): number {
    const type = this.byte();
    return KNOWN_TYPES.has(type) ? type : this.unknownType(type);
  }

  #count(): number {
    const size = this.i32();
    if (size < 0) throw new ThriftError(`byte ${this.position}: a count of ${size}`);
    return this.need(size);
  }
}
