/** Values that the tests write as thrift, in both protocols. */
export type Thrift =
  | { readonly t: 'bool'; readonly v: boolean }
  | { readonly t: 'byte' | 'i16' | 'i32' | 'double'; readonly v: number }
  | { readonly t: 'i64'; readonly v: bigint }
  | { readonly t: 'string'; readonly v: string }
  | { readonly t: 'list' | 'set'; readonly of: Thrift['t']; readonly v: readonly Thrift[] }
  | { readonly t: 'map'; readonly v: readonly (readonly [Thrift, Thrift])[] }
  | { readonly t: 'struct'; readonly v: readonly (readonly [number, Thrift])[] };

const BINARY = {
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
};
const COMPACT = {
  bool: 2,
  byte: 3,
  i16: 4,
  i32: 5,
  i64: 6,
  double: 7,
  string: 8,
  list: 9,
  set: 10,
  map: 11,
  struct: 12,
};

export const i32 = (v: number): Thrift => ({ t: 'i32', v });
export const i64 = (v: bigint): Thrift => ({ t: 'i64', v });
export const bool = (v: boolean): Thrift => ({ t: 'bool', v });
export const str = (v: string): Thrift => ({ t: 'string', v });
export const double = (v: number): Thrift => ({ t: 'double', v });
export const struct = (...v: (readonly [number, Thrift])[]): Thrift => ({ t: 'struct', v });
export const structs = (...v: Thrift[]): Thrift => ({ t: 'list', of: 'struct', v });

export function writeBinary(value: Thrift): Buffer {
  switch (value.t) {
    case 'bool':
    case 'byte':
      return Buffer.from([Number(value.v)]);
    case 'double': {
      const bytes = Buffer.alloc(8);
      bytes.writeDoubleBE(value.v);
      return bytes;
    }
    case 'i16':
      return Buffer.from([value.v >> 8, value.v & 255]);
    case 'i32':
      return uint32(value.v);
    case 'i64': {
      const bytes = Buffer.alloc(8);
      bytes.writeBigInt64BE(value.v);
      return bytes;
    }
    case 'string':
      return Buffer.concat([uint32(Buffer.byteLength(value.v)), Buffer.from(value.v)]);
    case 'list':
    case 'set':
      return Buffer.concat([
        Buffer.from([BINARY[value.of]]),
        uint32(value.v.length),
        ...value.v.map(writeBinary),
      ]);
    case 'map': {
      const [key, inner] = value.v[0] ?? [i32(0), i32(0)];
      const pairs = value.v.flatMap(([k, v]) => [writeBinary(k), writeBinary(v)]);
      return Buffer.concat([Buffer.from([BINARY[key.t], BINARY[inner.t]]), uint32(value.v.length), ...pairs]);
    }
    case 'struct':
      return Buffer.concat([
        ...value.v.map(([id, field]) =>
          Buffer.concat([Buffer.from([BINARY[field.t], id >> 8, id & 255]), writeBinary(field)]),
        ),
        Buffer.from([0]),
      ]);
  }
}

export function writeCompact(value: Thrift): Buffer {
  switch (value.t) {
    case 'bool':
      return Buffer.from([value.v ? 1 : 2]);
    case 'byte':
      return Buffer.from([value.v]);
    case 'double': {
      const bytes = Buffer.alloc(8);
      bytes.writeDoubleLE(value.v);
      return bytes;
    }
    case 'i16':
    case 'i32':
    case 'i64':
      return zigzag(BigInt(value.v));
    case 'string':
      return Buffer.concat([varint(BigInt(Buffer.byteLength(value.v))), Buffer.from(value.v)]);
    case 'list':
    case 'set': {
      const size = value.v.length;
      const head =
        size < 15
          ? Buffer.from([(size << 4) | COMPACT[value.of]])
          : Buffer.concat([Buffer.from([0xf0 | COMPACT[value.of]]), varint(BigInt(size))]);
      return Buffer.concat([head, ...value.v.map(writeCompact)]);
    }
    case 'map': {
      const [first] = value.v;
      if (first === undefined) return Buffer.from([0]);
      const types = Buffer.from([(COMPACT[first[0].t] << 4) | COMPACT[first[1].t]]);
      return Buffer.concat([varint(BigInt(value.v.length)), types, ...value.v.flat().map(writeCompact)]);
    }
    case 'struct':
      return compactStruct(value.v);
  }
}

function compactStruct(fields: readonly (readonly [number, Thrift])[]): Buffer {
  const parts: Buffer[] = [];
  let last = 0;
  for (const [id, field] of fields) {
    const type = field.t === 'bool' ? (field.v ? 1 : 2) : COMPACT[field.t];
    const delta = id - last;
    parts.push(
      delta > 0 && delta < 16
        ? Buffer.from([(delta << 4) | type])
        : Buffer.concat([Buffer.from([type]), zigzag(BigInt(id))]),
    );
    if (field.t !== 'bool') parts.push(writeCompact(field));
    last = id;
  }
  return Buffer.concat([...parts, Buffer.from([0])]);
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}

function zigzag(value: bigint): Buffer {
  return varint(BigInt.asUintN(64, (value << 1n) ^ (value >> 63n)));
}

function varint(value: bigint): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 127n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128);
  return Buffer.from([...bytes, Number(rest)]);
}

/** A call of `name`, in the four ways that messages begin. */
export const MESSAGES = {
  compact: (args: Thrift, name = 'emitBatch', type = 4) =>
    Buffer.concat([
      Buffer.from([0x82, (type << 5) | 1]),
      varint(300n),
      writeCompact(str(name)),
      writeCompact(args),
    ]),
  'strict binary': (args: Thrift, name = 'emitBatch', type = 4) =>
    Buffer.concat([Buffer.from([0x80, 1, 0, type]), writeBinary(str(name)), uint32(7), writeBinary(args)]),
  'old binary': (args: Thrift, name = 'emitBatch', type = 1) =>
    Buffer.concat([writeBinary(str(name)), Buffer.from([type]), uint32(7), writeBinary(args)]),
};
