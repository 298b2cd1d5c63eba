/** Charts as SVG text, small enough to need no library at run time. */

export interface Line {
  readonly name: string;
  readonly colour: string;
  readonly points: readonly (readonly [x: number, y: number])[];
}

export interface ChartOptions {
  readonly title: string;
  readonly xLabel: string;
  readonly yLabel: string;
  /** Values of x that the reference gives, drawn as upright lines. */
  readonly marks?: readonly { readonly x: number; readonly name: string }[];
}

const WIDTH = 560;
const HEIGHT = 300;
const LEFT = 56;
const BOTTOM = 44;
const TOP = 34;
const RIGHT = 16;
const TICKS = 5;

export function lineChart(lines: readonly Line[], options: ChartOptions): string {
  const { title, xLabel, yLabel, marks = [] } = options;
  const xs = [...lines.flatMap(({ points }) => points.map(([x]) => x)), ...marks.map(({ x }) => x)];
  const ys = lines.flatMap(({ points }) => points.map(([, y]) => y));
  const [fromX, toX] = [least(xs), most(xs)];
  const [fromY, toY] = [Math.min(0, least(ys)), most(ys)];
  const x = (value: number) => LEFT + ((value - fromX) / (toX - fromX || 1)) * (WIDTH - LEFT - RIGHT);
  const y = (value: number) =>
    HEIGHT - BOTTOM - ((value - fromY) / (toY - fromY || 1)) * (HEIGHT - BOTTOM - TOP);
  const parts = [text(LEFT, 18, title, 'font-weight="600"')];
  for (let tick = 0; tick <= TICKS; tick++) {
    const atX = fromX + ((toX - fromX) * tick) / TICKS;
    const atY = fromY + ((toY - fromY) * tick) / TICKS;
    parts.push(text(x(atX), HEIGHT - BOTTOM + 16, short(atX), 'text-anchor="middle"'));
    parts.push(text(LEFT - 6, y(atY) + 4, short(atY), 'text-anchor="end"'));
    parts.push(
      `<line x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${y(atY)}" y2="${y(atY)}" stroke="#888" stroke-opacity="0.25"/>`,
    );
  }
  parts.push(text(WIDTH - RIGHT, HEIGHT - 8, xLabel, 'text-anchor="end"'), text(4, TOP - 4, yLabel));
  for (const [index, { x: at, name }] of marks.entries()) {
    parts.push(
      `<line x1="${x(at)}" x2="${x(at)}" y1="${TOP}" y2="${HEIGHT - BOTTOM}" stroke="#c33" stroke-dasharray="4 3"/>`,
      text(x(at) - 3, TOP + 12 + 14 * index, name, 'fill="#c33" text-anchor="end"'),
    );
  }
  for (const [index, { name, colour, points }] of lines.entries()) {
    const path = points.map(([px, py]) => `${x(px).toFixed(1)},${y(py).toFixed(1)}`).join(' ');
    parts.push(`<polyline points="${path}" fill="none" stroke="${colour}" stroke-width="1.8"/>`);
    const lower = HEIGHT - BOTTOM - 10 - 15 * (lines.length - 1 - index);
    parts.push(text(WIDTH - RIGHT - 4, lower, name, `fill="${colour}" text-anchor="end"`));
  }
  return `<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img">${parts.join('')}</svg>`;
}

/** Values to a cumulative distribution of at most 200 points, without the last thousandth. */
export function distribution(values: readonly number[]): (readonly [number, number])[] {
  const sorted = [...values].sort((a, b) => a - b);
  const steps = Math.min(200, sorted.length);
  return Array.from({ length: steps }, (_, step) => {
    const share = ((step + 0.5) / steps) * 0.999;
    return [sorted[Math.floor(share * sorted.length)] ?? 0, share] as const;
  });
}

function least(values: readonly number[]): number {
  return values.reduce((best, value) => Math.min(best, value), Number.POSITIVE_INFINITY);
}

function most(values: readonly number[]): number {
  return values.reduce((best, value) => Math.max(best, value), Number.NEGATIVE_INFINITY);
}

function short(value: number): string {
  return String(Number(value.toPrecision(3)));
}

function text(x: number, y: number, words: string, more = ''): string {
  const escaped = words.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
  return `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" ${more}>${escaped}</text>`;
}
