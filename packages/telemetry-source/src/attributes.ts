/** The few attributes that anything here reads, by key; all others are skipped while decoding. */
export type Attributes = Map<string, string>;

/** Old and new names stand side by side: semantic conventions 1.45 renamed most of them. */
const READ_KEYS = [
  'service.name',
  'service.instance.id',
  'peer.service',
  'server.service.name',
  'db.name',
  'db.namespace',
  'db.system',
  'db.system.name',
  'net.peer.name',
  'server.address',
  'span.kind',
  'error',
  'otel.status_code',
  'client-uuid',
] as const;

const readKeys: ReadonlySet<string> = new Set(READ_KEYS);
const readKeyLengths: ReadonlySet<number> = new Set(READ_KEYS.map((key) => key.length));

export function isReadAttribute(key: string): boolean {
  return readKeys.has(key);
}

/** Whether a key of so many bytes can be one that is read: most are told apart without decoding their text. */
export function mayBeReadAttribute(keyBytes: number): boolean {
  return readKeyLengths.has(keyBytes);
}

/**
 * Whom a client or producer span says it called: the peer service, else the database as `<system>-<name>` (the
 * system keeps a database apart from the service of the same name), else the address unless it is this machine's.
 */
export function peerName(attributes: Attributes): string | undefined {
  const service = attributes.get('peer.service') ?? attributes.get('server.service.name');
  if (service) return service;
  const host = attributes.get('server.address') ?? attributes.get('net.peer.name');
  const address = host && !isLoopback(host) ? host : undefined;
  const system = attributes.get('db.system.name') ?? attributes.get('db.system');
  const database = attributes.get('db.namespace') ?? attributes.get('db.name');
  if (system && database) return `${system}-${database}`;
  return address ?? (system || database || undefined);
}

function isLoopback(address: string): boolean {
  return address === 'localhost' || address === '::1' || /^127\.\d+\.\d+\.\d+$/.test(address);
}
