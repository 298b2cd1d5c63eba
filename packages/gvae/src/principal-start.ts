import type { Rng } from '@sage/core';
import type { Inputs } from './inputs.js';
import { LATENT, type Layout, type Unit } from './layout.js';
import { indexOf } from './layout-index.js';
import { type Layer, layersOf, type Parameters, shortcutsOf } from './parameters.js';
import type { Scales } from './scales.js';

/** Of the encoder at first, raw: Z is as good as known, σ = e^(2 tanh(−¾)) = 0.28 of what it varies by. */
const FIRST_LOG_VARIANCE = -3;
const SWEEPS = 30;

/**
 * A linear variational autoencoder learns the principal components (Lucas et al. 2019, "Don't blame the ELBO"): the
 * shortcuts begin there, so that training has only left what is not linear and what X tells of Z. Own latencies count
 * by what they move log1p(ms), in robust spreads, as they do in the loss. Returns parameters of its own.
 */
export function principalStart(
  layout: Layout,
  scales: Scales,
  rows: readonly Inputs[],
  { start, rng }: { readonly start: Parameters; readonly rng: Rng },
): Parameters {
  const { own } = indexOf(layout);
  const units = start.units.map((before, u) => {
    const unit = layout.units[u] as Unit;
    const values = Float32Array.from(before);
    const importance = unit.nodes.flatMap((v) => [0, 1, 2].map((q) => importanceOf(scales, 3 * v + q)));
    const data = rows.map(({ own: all }) =>
      Float64Array.from(all.subarray(own[u], own[u + 1]), (raw, i) => raw * (importance[i] as number)),
    );
    const { encoder, decoder } = shortcutsOf(unit);
    components(data, importance.length, rng).forEach(({ direction, spread }, d) => {
      direction.forEach((part, i) => {
        const owners = layout.owners[unit.nodes[Math.floor(i / 3)] as number]?.length ?? 1;
        const scale = importance[i] as number;
        values[encoder.weight + i * LATENT + d] = (part * scale) / spread;
        values[decoder.weight + d * decoder.outputs + i] = (part * spread) / (scale * owners);
      });
    });
    const last = layersOf(unit).encoder[2] as Layer;
    values.fill(FIRST_LOG_VARIANCE, last.bias + LATENT, last.bias + 2 * LATENT);
    return values;
  });
  return { units, corrections: start.corrections };
}

/** ∂ log1p(ms) / ∂ raw at what is usual, in robust spreads. */
function importanceOf({ selfScale, median, logSpread }: Scales, at: number): number {
  return (selfScale[at] as number) / (1 + (median[at] as number)) / (logSpread[at] as number);
}

interface Component {
  readonly direction: Float64Array;
  /** Root of the mean square along it. */
  readonly spread: number;
}

/** The first principal components about the origin, where what is usual lies, by orthogonal iteration. */
function components(rows: readonly Float64Array[], size: number, rng: Rng): readonly Component[] {
  let basis: readonly Float64Array[] = Array.from({ length: Math.min(LATENT, size) }, () =>
    Float64Array.from({ length: size }, () => rng.normal()),
  );
  for (let sweep = 0; sweep < SWEEPS; sweep++)
    basis = orthonormal(basis.map((v) => covarianceTimes(rows, v)));
  return basis.flatMap((direction) => {
    const square = rows.reduce((sum, row) => sum + dot(row, direction) ** 2, 0) / rows.length;
    return square > 1e-9 ? [{ direction, spread: Math.sqrt(square) }] : [];
  });
}

function covarianceTimes(rows: readonly Float64Array[], vector: Float64Array): Float64Array {
  const product = new Float64Array(vector.length);
  for (const row of rows) {
    const along = dot(row, vector);
    for (let i = 0; i < product.length; i++) product[i] = (product[i] as number) + along * (row[i] as number);
  }
  return product;
}

/** Gram and Schmidt; a vector that the others span becomes nought. */
function orthonormal(vectors: readonly Float64Array[]): Float64Array[] {
  const done: Float64Array[] = [];
  for (const vector of vectors) {
    const rest = Float64Array.from(vector);
    const whole = Math.sqrt(dot(rest, rest));
    for (const other of done) {
      const along = dot(rest, other);
      for (let i = 0; i < rest.length; i++) rest[i] = (rest[i] as number) - along * (other[i] as number);
    }
    const length = Math.sqrt(dot(rest, rest));
    done.push(length > 1e-9 * whole ? rest.map((value) => value / length) : rest.fill(0));
  }
  return done;
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i] as number) * (b[i] as number);
  return sum;
}
