/** Numbers, times and names as people read them. */

export function decimal(value, digits = 2) {
  return value === null || value === undefined || !Number.isFinite(value) ? '–' : value.toFixed(digits);
}

export function clock(timeMs) {
  return new Date(timeMs).toLocaleTimeString('en-GB', { hour12: false });
}

export function duration(milliseconds) {
  const seconds = Math.max(0, Math.round(milliseconds / 1000));
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${seconds % 60} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

export const percentileName = (percentile) => String(percentile).replace(/Ms$/, '');

/** SVG text does not wrap; the whole name is in the node's title. */
export function shortened(text, length) {
  return text.length <= length ? text : `${text.slice(0, length - 1)}…`;
}
