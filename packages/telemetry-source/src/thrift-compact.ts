import {
  ThriftError,
  type ThriftListHead,
  type ThriftMessageHead,
  ThriftReader,
  ThriftType,
} from './thrift-reader.js';

export const COMPACT_PROTOCOL_ID = 0x82;

/** The compact protocol's types, which number true and false apart, by their number. */
const TYPES: readonly number[] = [
  ThriftType.stop,
  ThriftType.bool,
  ThriftType.bool,
  ThriftType.byte,
  ThriftType.i16,
  ThriftType.i32,
  ThriftType.i64,
  ThriftType.double,
  ThriftType.string,
  ThriftType.list,
  ThriftType.set,
  ThriftType.map,
  ThriftType.struct,
];
const COMPACT_TRUE = 1;
const COMPACT_FALSE = 2;

/** Thrift's compact protocol (doc/specs/thrift-compact-protocol.md), as Jaeger's agent takes it on port 6831. */
export class CompactThriftReader extends ThriftReader {
  /** A bool's value sits in its field header; undefined outside of one. */
  #fieldBool: boolean | undefined;

  /** `0x82`, type (3 bits) and version 1 (5 bits), sequence number, name. */
  messageBegin(): ThriftMessageHead {
    const protocol = this.byte();
    if (protocol !== COMPACT_PROTOCOL_ID)
      throw new ThriftError(`0x${protocol.toString(16)} opens no compact message`);
    const versionAndType = this.byte();
    if ((versionAndType & 0x1f) !== 1)
      throw new ThriftError(`compact version ${versionAndType & 0x1f} is not 1`);
    this.#varint32();
    return { type: versionAndType >> 5, name: this.text() };
  }

  protected fieldBegin(previousId: number): number {
    const header = this.byte();
    const compactType = header & 0x0f;
    if (compactType === 0) return ThriftType.stop;
    const delta = header >> 4;
    this.fieldId = delta === 0 ? zigzag(this.#varint32()) : previousId + delta;
    this.#fieldBool =
      compactType === COMPACT_TRUE || compactType === COMPACT_FALSE
        ? compactType === COMPACT_TRUE
        : undefined;
    return TYPES[compactType] ?? this.unknownType(compactType);
  }

  list(): ThriftListHead {
    const header = this.byte();
    const short = header >> 4;
    const size = this.need(short === 15 ? this.#varint32() : short);
    this.#fieldBool = undefined;
    return { elementType: TYPES[header & 0x0f] ?? this.unknownType(header & 0x0f), size };
  }

  protected mapHead(): { keyType: number; valueType: number; size: number } {
    const size = this.need(this.#varint32());
    this.#fieldBool = undefined;
    if (size === 0) return { keyType: ThriftType.byte, valueType: ThriftType.byte, size };
    const types = this.byte();
    return {
      keyType: TYPES[types >> 4] ?? this.unknownType(types >> 4),
      valueType: TYPES[types & 0x0f] ?? this.unknownType(types & 0x0f),
      size,
    };
  }

  bool(): boolean {
    const value = this.#fieldBool ?? this.byte() === COMPACT_TRUE;
    this.#fieldBool = undefined;
    return value;
  }

  i32(): number {
    return zigzag(this.#varint32());
  }

  /** Little-endian, unlike the binary protocol's. */
  double(): number {
    this.need(8);
    this.position += 8;
    return this.buffer.readDoubleLE(this.position - 8);
  }

  protected textLength(): number {
    return this.#varint32();
  }

  protected skipNumber(type: number): void {
    switch (type) {
      case ThriftType.bool:
        this.bool();
        return;
      case ThriftType.byte:
        this.byte();
        return;
      case ThriftType.double:
        this.double();
        return;
      case ThriftType.i16:
      case ThriftType.i32:
      case ThriftType.i64:
        this.readI64();
        return;
      default:
        this.unknownType(type);
    }
  }

  /** A zigzag varint of up to ten bytes, gathered in halves of 32 bits and unfolded there. */
  protected readI64(): void {
    let low = 0;
    let high = 0;
    for (let shift = 0; ; shift += 7) {
      if (shift > 63) throw new ThriftError(`byte ${this.position}: a number is longer than ten bytes`);
      const byte = this.byte();
      const bits = byte & 0x7f;
      if (shift < 28) low |= bits << shift;
      else if (shift === 28) {
        low |= bits << 28;
        high |= bits >> 4;
      } else high |= bits << (shift - 32);
      if (byte < 0x80) break;
    }
    const sign = -(low & 1);
    this.low = (((low >>> 1) | (high << 31)) ^ sign) >>> 0;
    this.high = ((high >>> 1) ^ sign) >>> 0;
  }

  #varint32(): number {
    let value = 0;
    for (let shift = 0; shift <= 28; shift += 7) {
      const byte = this.byte();
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value >>> 0;
    }
    throw new ThriftError(`byte ${this.position}: a length is longer than five bytes`);
  }
}

function zigzag(value: number): number {
  return (value >>> 1) ^ -(value & 1);
}
