/** Weights [input][width] from a position on. */
export interface Weights {
  readonly values: Float32Array;
  readonly from: number;
  readonly width: number;
}

/**
 * target += weightsᵀ · input, target [output][column], input [input][column]. Two outputs and four inputs at a time: so each
 * number is read and written a few times less, which takes longer than to multiply.
 */
export function addProduct(
  target: Float64Array,
  input: Float64Array,
  weights: Weights,
  columns: number,
): void {
  const outputs = target.length / columns;
  const paired = outputs - (outputs % 2);
  for (let o = 0; o < paired; o += 2) addToTwo(target, o, input, weights, columns);
  if (paired < outputs) addToOne(target, paired, input, weights, columns);
}

function addToTwo(
  target: Float64Array,
  output: number,
  input: Float64Array,
  { values, from, width }: Weights,
  columns: number,
): void {
  const inputs = input.length / columns;
  const fours = inputs - (inputs % 4);
  const to = output * columns;
  const end = to + columns;
  for (let i = 0; i < fours; i += 4) {
    const at = from + i * width + output;
    const a = values[at] as number;
    const b = values[at + width] as number;
    const c = values[at + 2 * width] as number;
    const d = values[at + 3 * width] as number;
    const e = values[at + 1] as number;
    const f = values[at + width + 1] as number;
    const g = values[at + 2 * width + 1] as number;
    const h = values[at + 3 * width + 1] as number;
    for (let w = to, x = i * columns; w < end; w++, x++) {
      const p = input[x] as number;
      const q = input[x + columns] as number;
      const r = input[x + 2 * columns] as number;
      const s = input[x + 3 * columns] as number;
      target[w] = (target[w] as number) + a * p + b * q + c * r + d * s;
      target[w + columns] = (target[w + columns] as number) + e * p + f * q + g * r + h * s;
    }
  }
  for (let i = fours; i < inputs; i++) {
    const a = values[from + i * width + output] as number;
    const e = values[from + i * width + output + 1] as number;
    for (let w = to, x = i * columns; w < end; w++, x++) {
      const p = input[x] as number;
      target[w] = (target[w] as number) + a * p;
      target[w + columns] = (target[w + columns] as number) + e * p;
    }
  }
}

function addToOne(
  target: Float64Array,
  output: number,
  input: Float64Array,
  { values, from, width }: Weights,
  columns: number,
): void {
  const inputs = input.length / columns;
  const fours = inputs - (inputs % 4);
  const to = output * columns;
  const end = to + columns;
  for (let i = 0; i < fours; i += 4) {
    const at = from + i * width + output;
    const a = values[at] as number;
    const b = values[at + width] as number;
    const c = values[at + 2 * width] as number;
    const d = values[at + 3 * width] as number;
    for (let w = to, x = i * columns; w < end; w++, x++) {
      target[w] =
        (target[w] as number) +
        a * (input[x] as number) +
        b * (input[x + columns] as number) +
        c * (input[x + 2 * columns] as number) +
        d * (input[x + 3 * columns] as number);
    }
  }
  for (let i = fours; i < inputs; i++) {
    const a = values[from + i * width + output] as number;
    for (let w = to, x = i * columns; w < end; w++, x++) {
      target[w] = (target[w] as number) + a * (input[x] as number);
    }
  }
}
