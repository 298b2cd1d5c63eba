import { type Attributes, isReadAttribute, mayBeReadAttribute } from './attributes.js';
import { bytesTag, fixed64Tag, type ProtobufCursor, varintTag } from './protobuf-cursor.js';
import { type SpanOrigin, spanOrigin } from './raw-span.js';

/** KeyValue (1 key, 2 value): kept when it is one that anything reads, skipped otherwise. */
export function readAttribute(cursor: ProtobufCursor, end: number, into: Attributes): void {
  let key = '';
  let valueAt = -1;
  while (cursor.more(end)) {
    const tag = cursor.tag();
    if (tag === bytesTag(1) && mayBeReadAttribute(cursor.peekLength(end))) {
      key = cursor.text(end);
    } else {
      if (tag === bytesTag(2)) valueAt = cursor.position;
      cursor.skip(tag, end);
    }
  }
  if (valueAt < 0 || !isReadAttribute(key)) return;
  cursor.seek(valueAt);
  into.set(key, readValue(cursor, cursor.open(end)));
  cursor.seek(end);
}

/** A KeyValue whole, as `key=value`: for telling the series of a metric apart. */
export function readAttributeText(cursor: ProtobufCursor, end: number): string {
  let key = '';
  let value = '';
  while (cursor.more(end)) {
    const tag = cursor.tag();
    if (tag === bytesTag(1)) key = cursor.text(end);
    else if (tag === bytesTag(2)) value = readValue(cursor, cursor.open(end));
    else cursor.skip(tag, end);
  }
  return `${key}=${value}`;
}

/** AnyValue: 1 string, 2 bool, 3 int, 4 double; arrays and maps are opaque and only told apart. */
function readValue(cursor: ProtobufCursor, end: number): string {
  let value = '';
  while (cursor.more(end)) {
    const tag = cursor.tag();
    if (tag === bytesTag(1)) value = cursor.text(end);
    else if (tag === varintTag(2)) value = String(cursor.bool());
    else if (tag === varintTag(3)) value = String(cursor.int64());
    else if (tag === fixed64Tag(4)) value = String(cursor.double());
    else if ((tag & 7) === 2) value = cursor.hex(end);
    else cursor.skip(tag, end);
  }
  return value;
}

/**
 * ResourceSpans and ResourceMetrics alike: 1 resource, 2 the groups by scope (1000 in old senders). A resource may
 * stand after the groups that it describes, so the groups are only located here.
 */
export function readResource(
  cursor: ProtobufCursor,
  end: number,
): { readonly origin: SpanOrigin; readonly groups: readonly number[] } {
  const attributes: Attributes = new Map();
  const groups: number[] = [];
  while (cursor.more(end)) {
    const tag = cursor.tag();
    if (tag === bytesTag(1)) {
      const resourceEnd = cursor.open(end);
      while (cursor.more(resourceEnd)) {
        const inner = cursor.tag();
        if (inner === bytesTag(1)) readAttribute(cursor, cursor.open(resourceEnd), attributes);
        else cursor.skip(inner, resourceEnd);
      }
    } else {
      if (tag === bytesTag(2) || tag === bytesTag(1000)) groups.push(cursor.position);
      cursor.skip(tag, end);
    }
  }
  return { origin: spanOrigin(attributes), groups };
}
