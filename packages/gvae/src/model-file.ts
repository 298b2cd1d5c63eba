import { createHash } from 'node:crypto';
import type { CausalGraph } from '@sage/causal-graph';
import { errorMessage, failure, type Outcome, success } from '@sage/core';
import { RESIDUAL_QUANTILES } from './calibration.js';
import { FittedModel, type LearntFrom, type ModelState } from './fitted-model.js';
import type { Layout } from './layout.js';
import { indexOf } from './layout-index.js';
import { parameterCount } from './parameters.js';
import { RANKED_WINDOWS } from './residual-ranks.js';
import type { ColumnScales, Scales } from './scales.js';

/** 7: own latencies and latents far below none say what part of what was handed on was met. */
const MODEL_VERSION = 7;

export type LoadFailure = 'malformed' | 'version' | 'checksum' | 'graph-mismatch';

/** One JSON text: format, version, the SHA-256 of the payload's JSON, the payload. Arrays are little-endian base64. */
export function saveModel(model: FittedModel): string {
  const { graph, layout, scales, parameters, residuals, r2, foretold, overallR2, foretoldR2, learntFrom } =
    model.state;
  const payload = {
    graph,
    layout,
    scales: {
      feature: encodeColumns(scales.feature),
      load: encodeColumns(scales.load),
      median: encode(scales.median),
      logSpread: encode(scales.logSpread),
      selfScale: encode(scales.selfScale),
      rawSpread: encode(scales.rawSpread),
    },
    parameters: { units: parameters.units.map(encode), corrections: encode(parameters.corrections) },
    residuals: {
      center: encode(residuals.center),
      spread: encode(residuals.spread),
      quantiles: encode(residuals.quantiles),
      ranks: encode(residuals.ranks),
      measuredMs: encode(residuals.measuredMs),
    },
    r2: [...r2],
    foretold: [...foretold],
    overallR2,
    foretoldR2,
    learntFrom: [...learntFrom],
  };
  return JSON.stringify({
    format: 'sage-gvae',
    version: MODEL_VERSION,
    checksum: checksum(payload),
    payload,
  });
}

/** With `graph`, a model of another graph is refused. */
export function loadModel(text: string, graph?: CausalGraph): Outcome<FittedModel, LoadFailure> {
  let file: { format?: unknown; version?: unknown; checksum?: unknown; payload?: SavedPayload } | null;
  try {
    file = JSON.parse(text);
  } catch (error) {
    return failure('malformed', `a model file is one JSON text: ${errorMessage(error)}`);
  }
  if (file === null || typeof file !== 'object' || file.format !== 'sage-gvae') {
    return failure('malformed', 'not a model file: "format" is not "sage-gvae"');
  }
  if (file.version !== MODEL_VERSION) {
    return failure(
      'version',
      `the file has version ${JSON.stringify(file.version)}, version ${MODEL_VERSION} is read`,
    );
  }
  if (file.payload === null || typeof file.payload !== 'object') {
    return failure('malformed', 'the model file has no payload');
  }
  if (file.checksum !== checksum(file.payload)) {
    return failure(
      'checksum',
      'the payload differs from what was saved: its SHA-256 is not the one in the file',
    );
  }
  let state: ModelState;
  try {
    state = readState(file.payload);
  } catch (error) {
    return failure('malformed', `the payload is not a model: ${errorMessage(error)}`);
  }
  if (graph !== undefined && graph.fingerprint !== state.graph.fingerprint) {
    return failure(
      'graph-mismatch',
      `the model was fitted to graph ${state.graph.fingerprint}, not to ${graph.fingerprint}: fit it again`,
    );
  }
  return success(new FittedModel(state));
}

type Encoded<T> = { readonly [K in keyof T]: string };

interface SavedPayload {
  readonly graph: CausalGraph;
  readonly layout: Layout;
  readonly scales: Encoded<Omit<Scales, ColumnName>> & { readonly [K in ColumnName]: Encoded<ColumnScales> };
  readonly parameters: { readonly units: readonly string[]; readonly corrections: string };
  readonly residuals: Encoded<ModelState['residuals']>;
  readonly r2: readonly (readonly [string, number])[];
  readonly foretold: readonly (readonly [string, number])[];
  readonly overallR2: number;
  readonly foretoldR2: number;
  readonly learntFrom: readonly (readonly [string, LearntFrom])[];
}

type ColumnName = 'feature' | 'load';

function readState(payload: SavedPayload): ModelState {
  const { graph, layout, scales: saved } = payload;
  const nq = 3 * layout.nodes.length;
  const columns = (name: ColumnName, size: number): ColumnScales => ({
    center: decode(`scales.${name}.center`, saved[name].center, size),
    spread: decode(`scales.${name}.spread`, saved[name].spread, size),
    low: decode(`scales.${name}.low`, saved[name].low, size),
    high: decode(`scales.${name}.high`, saved[name].high, size),
  });
  const scales: Scales = {
    feature: columns('feature', indexOf(layout).features[layout.units.length] as number),
    load: columns('load', layout.roots.length),
    median: decode('scales.median', saved.median, nq),
    logSpread: decode('scales.logSpread', saved.logSpread, nq),
    selfScale: decode('scales.selfScale', saved.selfScale, nq),
    rawSpread: decode('scales.rawSpread', saved.rawSpread, nq),
  };
  const parameters = {
    units: layout.units.map((unit, u) =>
      decode32(`parameters.units[${u}]`, payload.parameters.units[u] ?? '', parameterCount(unit)),
    ),
    corrections: decode32('parameters.corrections', payload.parameters.corrections, layout.edges.length),
  };
  const residuals = {
    center: decode('residuals.center', payload.residuals.center, nq),
    spread: decode('residuals.spread', payload.residuals.spread, nq),
    quantiles: decode32('residuals.quantiles', payload.residuals.quantiles, nq * RESIDUAL_QUANTILES),
    ranks: new Uint8Array(bytesOf('residuals.ranks', payload.residuals.ranks, nq * RANKED_WINDOWS)),
    measuredMs: decode('residuals.measuredMs', payload.residuals.measuredMs, layout.nodes.length),
  };
  if (typeof graph.fingerprint !== 'string' || !Array.isArray(graph.latency))
    throw new TypeError('graph is incomplete');
  return {
    graph,
    layout,
    scales,
    parameters,
    residuals,
    r2: new Map(payload.r2),
    foretold: new Map(payload.foretold),
    overallR2: payload.overallR2,
    foretoldR2: payload.foretoldR2,
    learntFrom: new Map(payload.learntFrom),
  };
}

function checksum(payload: unknown): string {
  return createHash('sha256').update(JSON.stringify(payload)).digest('hex');
}

function encodeColumns({ center, spread, low, high }: ColumnScales): Encoded<ColumnScales> {
  return { center: encode(center), spread: encode(spread), low: encode(low), high: encode(high) };
}

function encode(values: Float64Array | Float32Array | Uint8Array): string {
  return Buffer.from(values.buffer, values.byteOffset, values.byteLength).toString('base64');
}

function decode(name: string, text: string, size: number): Float64Array {
  return new Float64Array(bytesOf(name, text, 8 * size));
}

function decode32(name: string, text: string, size: number): Float32Array {
  return new Float32Array(bytesOf(name, text, 4 * size));
}

/** A buffer of its own, since pooled ones are not aligned. */
function bytesOf(name: string, text: string, size: number): ArrayBuffer {
  const bytes = Buffer.from(text, 'base64');
  if (bytes.length !== size)
    throw new RangeError(`${name} has ${bytes.length} bytes, the layout needs ${size}`);
  return new Uint8Array(bytes).buffer;
}
