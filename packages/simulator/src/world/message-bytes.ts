import type { ServiceKind } from '../topology.js';

/** Mean size of a request, and of a reply by who gives it. */
export const REQUEST_BYTES = 700;
export const REPLY_BYTES: Readonly<Record<ServiceKind, number>> = {
  web: 3000,
  logic: 1800,
  cache: 2500,
  db: 4000,
  queue: 200,
  infra: 500,
};
