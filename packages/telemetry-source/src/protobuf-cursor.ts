import protobuf from 'protobufjs/minimal.js';

const WIRE_VARINT = 0;
const WIRE_FIXED64 = 1;
const WIRE_BYTES = 2;
const WIRE_FIXED32 = 5;

/** Texts are cut here before they become strings: no name that is kept is longer. */
const MAX_TEXT_BYTES = 1024;

/** The tag of a field as it stands on the wire. */
export function bytesTag(field: number): number {
  return (field << 3) | WIRE_BYTES;
}
export function varintTag(field: number): number {
  return (field << 3) | WIRE_VARINT;
}
export function fixed64Tag(field: number): number {
  return (field << 3) | WIRE_FIXED64;
}

/**
 * Walks a protobuf message field by field and decodes only what is asked for. Every length is checked against the
 * enclosing message, so nothing is read twice or past its end. Malformed input throws a RangeError or Error whose
 * message says where; callers turn that into an Outcome.
 */
export class ProtobufCursor {
  readonly #reader: protobuf.Reader;
  readonly #buffer: Buffer;

  constructor(buffer: Buffer) {
    this.#buffer = buffer;
    this.#reader = protobuf.Reader.create(buffer);
  }

  get position(): number {
    return this.#reader.pos;
  }

  get length(): number {
    return this.#buffer.length;
  }

  seek(position: number): void {
    this.#reader.pos = position;
  }

  /** Whether fields are left before `end`; a field that ran past it is an error. */
  more(end: number): boolean {
    if (this.#reader.pos > end)
      throw new RangeError(`a field runs past the end of its message at byte ${end}`);
    return this.#reader.pos < end;
  }

  tag(): number {
    return this.#reader.uint32();
  }

  /** Reads a length and returns where the message it opens ends. */
  open(end: number): number {
    const length = this.#reader.uint32();
    const messageEnd = this.#reader.pos + length;
    if (messageEnd > end) {
      throw new RangeError(
        `a field at byte ${this.#reader.pos} says ${length} bytes, ${end - this.#reader.pos} are left`,
      );
    }
    return messageEnd;
  }

  skip(tag: number, end: number): void {
    switch (tag & 7) {
      case WIRE_VARINT:
        this.#reader.skip();
        return;
      case WIRE_FIXED64:
        this.#reader.skip(8);
        return;
      case WIRE_BYTES:
        this.#reader.pos = this.open(end);
        return;
      case WIRE_FIXED32:
        this.#reader.skip(4);
        return;
      default:
        throw new Error(`wire type ${tag & 7} at byte ${this.#reader.pos} is not one that OTLP uses`);
    }
  }

  text(end: number): string {
    const textEnd = this.open(end);
    const start = this.#reader.pos;
    this.#reader.pos = textEnd;
    return this.#buffer.toString('utf8', start, Math.min(textEnd, start + MAX_TEXT_BYTES));
  }

  /** Bytes as lower-case hex; an id that is too long stays too long, and no more of it is kept. */
  hex(end: number): string {
    const bytesEnd = this.open(end);
    const start = this.#reader.pos;
    this.#reader.pos = bytesEnd;
    return this.#buffer.toString('hex', start, Math.min(bytesEnd, start + 32));
  }

  /** The length of the text that comes next, which stays unread. */
  peekLength(end: number): number {
    const start = this.#reader.pos;
    const length = this.open(end) - this.#reader.pos;
    this.#reader.pos = start;
    return length;
  }

  varint(): number {
    return this.#reader.uint32();
  }

  /** int64 as the nearest number. */
  int64(): number {
    let low = 0;
    let high = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      if (this.#reader.pos >= this.#buffer.length) throw new RangeError('a number is cut off at the end');
      const byte = this.#buffer[this.#reader.pos++] as number;
      if (shift < 28) low += (byte & 127) * 2 ** shift;
      else high += (byte & 127) * 2 ** (shift - 28);
      if (byte < 128) return Number(BigInt.asIntN(64, BigInt(low) + (BigInt(high) << 28n)));
    }
    throw new RangeError(`a number at byte ${this.#reader.pos} is longer than ten bytes`);
  }

  bool(): boolean {
    return this.#reader.bool();
  }

  double(): number {
    return this.#reader.double();
  }

  sfixed64(): number {
    const low = this.#reader.fixed32();
    return this.#reader.sfixed32() * 2 ** 32 + low;
  }

  fixed64(): number {
    const low = this.#reader.fixed32();
    return this.#reader.fixed32() * 2 ** 32 + low;
  }

  /**
   * fixed64 nanoseconds as microseconds, exact to the quarter of one that a double holds at present dates: dividing
   * the whole by 1000 as a double would first round it to 256 ns.
   */
  microseconds(): number {
    const low = this.#reader.fixed32();
    const high = this.#reader.fixed32();
    const thousands = Math.floor(high / 1000);
    return thousands * 2 ** 32 + ((high - thousands * 1000) * 2 ** 32 + low) / 1000;
  }
}
