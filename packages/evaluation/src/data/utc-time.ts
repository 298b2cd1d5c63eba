import { DataError } from '../observed.js';

const FORM = /^(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d)(\.\d+)?(?: ([+-]\d\d)(\d\d)\b.*)?$/;

/**
 * Epoch milliseconds of `2022-08-22 03:53:54` (read as UTC) and of what Go prints,
 * `2022-08-22 03:51:19.607158889 +0000 UTC m=+0.113`. Throws a DataError that names the place.
 */
export function timeAt(text: string, place: string): number {
  const [, day, time, fraction = '', hours, minutes] = FORM.exec(text.trim()) ?? [];
  const zone = hours === undefined ? 'Z' : `${hours}:${minutes}`;
  const seconds = Date.parse(`${day}T${time}${zone}`);
  if (!Number.isFinite(seconds)) {
    throw new DataError(`${place}: '${text}' is not a time such as 2022-08-22 03:53:54`);
  }
  return seconds + Math.round(1000 * Number(`0${fraction}`));
}
