import { createHash } from 'node:crypto';
import type { CausalGraph } from '@sage/causal-graph';
import { errorMessage, failure, type Outcome, success } from '@sage/core';
import { FittedModel, type ModelState } from './fitted-model.js';
import type { Layout } from './layout.js';
import { listParameters, parameterCount } from './parameters.js';
import type { Scales } from './scales.js';

export const MODEL_VERSION = 1;

export type LoadFailure = 'malformed' | 'version' | 'checksum' | 'graph-mismatch';

/** One JSON text: format, version, the SHA-256 of the payload's JSON, the payload. Arrays are little-endian base64. */
export function saveModel(model: FittedModel): string {
  const { graph, layout, scales, parameters, residuals, r2, overallR2 } = model.state;
  const payload = {
    graph,
    layout,
    scales: Object.fromEntries(Object.entries(scales).map(([name, values]) => [name, encode(values)])),
    parameters: encode(parameters),
    residuals: { center: encode(residuals.center), spread: encode(residuals.spread) },
    r2: [...r2],
    overallR2,
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

interface SavedPayload {
  readonly graph: CausalGraph;
  readonly layout: Layout;
  readonly scales: Readonly<Record<keyof Scales, string>>;
  readonly parameters: string;
  readonly residuals: { readonly center: string; readonly spread: string };
  readonly r2: readonly (readonly [string, number])[];
  readonly overallR2: number;
}

function readState(payload: SavedPayload): ModelState {
  const { graph, layout } = payload;
  const sf = layout.services.length * layout.width.features;
  const nq = 3 * layout.nodes.length;
  const { roots } = layout.width;
  const column = (name: keyof Scales, size: number) => decode(name, payload.scales[name], size);
  const scales: Scales = {
    featureCenter: column('featureCenter', sf),
    featureSpread: column('featureSpread', sf),
    featureLow: column('featureLow', sf),
    featureHigh: column('featureHigh', sf),
    loadCenter: column('loadCenter', roots),
    loadSpread: column('loadSpread', roots),
    loadLow: column('loadLow', roots),
    loadHigh: column('loadHigh', roots),
    ownCenter: column('ownCenter', nq),
    ownSpread: column('ownSpread', nq),
    ownLow: column('ownLow', nq),
    ownHigh: column('ownHigh', nq),
    median: column('median', nq),
    logSpread: column('logSpread', nq),
    selfScale: column('selfScale', nq),
  };
  const parameters = decode32('parameters', payload.parameters, parameterCount(listParameters(layout)));
  const residuals = {
    center: decode('residuals.center', payload.residuals.center, nq),
    spread: decode('residuals.spread', payload.residuals.spread, nq),
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
    overallR2: payload.overallR2,
  };
}

function checksum(payload: unknown): string {
  return createHash('sha256').update(JSON.stringify(payload)).digest('hex');
}

function encode(values: Float64Array | Float32Array): string {
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
