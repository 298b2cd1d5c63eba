/** Numbers, times and names as people read them. */

export function ms(value) {
  if (value === null || value === undefined || !Number.isFinite(value)) return '–';
  if (value >= 10_000) return `${(value / 1000).toFixed(1)} s`;
  if (value >= 1000) return `${(value / 1000).toFixed(2)} s`;
  return `${value < 10 ? value.toFixed(1) : Math.round(value)} ms`;
}

export function percent(ratio) {
  if (ratio === null || ratio === undefined || !Number.isFinite(ratio)) return '–';
  const value = 100 * ratio;
  if (value > 99 && value < 100) return '> 99 %';
  if (value > 0 && value < 1) return '< 1 %';
  return `${Math.round(value)} %`;
}

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

/** A measurement in its UCUM-like unit; ratios, whose unit is `1`, become per cent. */
export function measured(value, unit, name) {
  if (value === null || value === undefined || !Number.isFinite(value)) return '–';
  if (unit === 'ms') return ms(value);
  if (unit === 'By' || unit === 'By/s') return `${bytes(value)}${unit === 'By/s' ? '/s' : ''}`;
  if (unit === '1' && name.endsWith('_ratio')) return percent(value);
  const number = Math.abs(value) >= 100 ? Math.round(value).toLocaleString('en-GB') : trimmed(value);
  if (unit === '1') return number;
  return unit === '1/s' ? `${number}/s` : `${number} ${unit}`;
}

function bytes(value) {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let rest = value;
  let step = 0;
  while (Math.abs(rest) >= 1000 && step < units.length - 1) {
    rest /= 1000;
    step++;
  }
  return `${trimmed(rest)} ${units[step]}`;
}

function trimmed(value) {
  return String(Number(value.toFixed(Math.abs(value) < 10 ? 2 : 1)));
}

/** `cpu_runqueue_wait_ratio` and `server|frontend>search:Nearby` in words. */
export function measurementName(name) {
  const node = /^(client|server|request|response)\|([^>]+)>([^:]+):(.*)$/.exec(name);
  if (node === null)
    return name.replace(/_(ratio|ms|bytes_per_second|bytes|per_second|cores)$/, '').replaceAll('_', ' ');
  const [, kind, caller, callee, operation] = node;
  const words = {
    client: `${callee} as seen by ${caller}`,
    server: `time in ${callee}`,
    request: `the way from ${caller} to ${callee}`,
    response: `the way from ${callee} back to ${caller}`,
  };
  return `${words[kind]} (${operation})`;
}

export const percentileName = (percentile) => String(percentile).replace(/Ms$/, '');

/** SVG text does not wrap; the whole name is in the node's title. */
export function shortened(text, length) {
  return text.length <= length ? text : `${text.slice(0, length - 1)}…`;
}
