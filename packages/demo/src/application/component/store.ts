import type { Rng } from '@sage/core';

const KEYS = 80;
const MAX_DOCUMENTS = 12_000;
const START_DOCUMENTS = 10_000;

interface Document {
  readonly id: string;
  readonly hotelId: number;
  readonly date: string;
  readonly rooms: number;
  readonly text: string;
}

/** A store's answer to one operation, as JSON. */
export type Store = (operation: string) => string;

/** A cache: a map of documents; a multi-get answers with 2 to 8 kB of them, a get with one. */
export function createCache(rng: Rng): Store {
  const entries = new Map<string, Document>();
  for (let i = 0; i < KEYS; i++) entries.set(`key_${i}`, createDocument(i, rng, 400 + rng.integer(1200)));
  const key = () => `key_${rng.integer(KEYS)}`;
  return (operation) => {
    if (operation.startsWith('Set')) {
      const id = key();
      entries.set(id, createDocument(Number(id.slice(4)), rng, 400 + rng.integer(1200)));
      return JSON.stringify({ stored: id });
    }
    const count = operation.startsWith('GetMulti') ? 5 : 1;
    const found = Array.from({ length: count }, () => entries.get(key()));
    return JSON.stringify({ found });
  };
}

/** A document store without an index: every query reads the whole collection, a few milliseconds of work. */
export function createDatabase(rng: Rng): Store {
  const documents = Array.from({ length: START_DOCUMENTS }, (_, i) => createDocument(i % KEYS, rng, 300));
  let next = 0;
  return (operation) => {
    if (operation.startsWith('Insert')) {
      const document = createDocument(rng.integer(KEYS), rng, 300);
      // A bounded collection: the oldest bookings make room.
      if (documents.length < MAX_DOCUMENTS) documents.push(document);
      else documents[next++ % MAX_DOCUMENTS] = document;
      return JSON.stringify({ inserted: document.id });
    }
    return JSON.stringify({ found: query(documents, rng.integer(KEYS), rng.uniform()) });
  };
}

/** Matching documents with the most rooms first; at most twelve of them, some 4 kB. */
function query(documents: readonly Document[], hotelId: number, share: number): readonly Document[] {
  const from = `2015-04-${String(1 + Math.floor(share * 20)).padStart(2, '0')}`;
  const matching = documents.filter(
    (document) => document.date.localeCompare(from, 'en') >= 0 && document.hotelId === hotelId,
  );
  return [...matching].sort((a, b) => b.rooms - a.rooms).slice(0, 12);
}

function createDocument(hotelId: number, rng: Rng, bytes: number): Document {
  const id = Math.floor(rng.uniform() * 0x1_0000_0000)
    .toString(16)
    .padStart(8, '0');
  return {
    id,
    hotelId,
    date: `2015-04-${String(1 + rng.integer(24)).padStart(2, '0')}`,
    rooms: rng.integer(300),
    text: id.repeat(Math.ceil(bytes / id.length)),
  };
}
