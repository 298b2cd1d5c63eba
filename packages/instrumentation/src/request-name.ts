/** Segments of a path that name one thing of many: numbers, UUIDs, long hexadecimal. */
const IDENTIFIER = /^(?:\d+|[0-9a-f]{8,}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$/i;

/** The operation of a request, one for all requests of a kind: `HTTP GET /hotels/{id}`. */
export function requestName(method: string, target: string): string {
  const path = target.split(/[?#]/, 1)[0] as string;
  const segments = path.split('/').map((segment) => (IDENTIFIER.test(segment) ? '{id}' : segment));
  return `HTTP ${method} ${segments.join('/')}`;
}
