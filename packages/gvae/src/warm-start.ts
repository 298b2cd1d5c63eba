import { LATENT, type Layout } from './layout.js';
import { findParameter, listParameters, NETWORKS, type NetworkName } from './parameters.js';

interface Source {
  readonly layout: Layout;
  readonly parameters: Float32Array;
}

/**
 * Starts from a fitted model of a like graph: surviving services keep their networks column by column, found by name;
 * new input columns start at zero, so that a grown network first answers as the old one did (reference, section 5).
 */
export function warmStart(layout: Layout, parameters: Float32Array, from: Source): void {
  const here = listParameters(layout);
  const there = listParameters(from.layout);
  layout.services.forEach((service, s) => {
    const old = from.layout.services.indexOf(service);
    if (old < 0) return;
    for (const network of NETWORKS) {
      const rows = inputNames(layout, s, network);
      const oldRows = inputNames(from.layout, old, network);
      const columns = outputNames(layout, s, network);
      const oldColumns = outputNames(from.layout, old, network);
      for (let layer = 0; layer < 3; layer++) {
        for (const kind of ['weight', 'bias'] as const) {
          const target = findParameter(here, `${network}.${kind}${layer}`);
          const source = findParameter(there, `${network}.${kind}${layer}`);
          const [, height = 1, wide = 1] = target.shape;
          const [, oldHeight = 1, oldWide = 1] = source.shape;
          for (let row = 0; row < height; row++) {
            const oldRow = kind === 'weight' && layer === 0 ? oldRows.indexOf(rows[row] ?? '') : row;
            for (let column = 0; column < wide; column++) {
              const oldColumn = layer === 2 ? oldColumns.indexOf(columns[column] ?? '') : column;
              const at = target.offset + (s * height + row) * wide + column;
              const known = oldRow >= 0 && oldColumn >= 0;
              if (known) {
                parameters[at] = from.parameters[
                  source.offset + (old * oldHeight + oldRow) * oldWide + oldColumn
                ] as number;
              } else if (layer === 0 || kind === 'bias') parameters[at] = 0;
            }
          }
        }
      }
    }
  });
  const bias = findParameter(here, 'node.bias').offset;
  const oldBias = findParameter(there, 'node.bias').offset;
  layout.nodes.forEach((node, v) => {
    const old = from.layout.nodes.indexOf(node);
    if (old < 0) return;
    for (let q = 0; q < 3; q++)
      parameters[bias + 3 * v + q] = from.parameters[oldBias + 3 * old + q] as number;
  });
}

/** Names of padding carry the width, so that padding of another width counts as new. */
function inputNames(layout: Layout, s: number, network: NetworkName): string[] {
  const features = padded(layout.features[s] ?? [], layout.width.features);
  if (network === 'prior') return features;
  if (network === 'encoder') return [...features, ...ownedNames(layout, s)];
  const latents = Array.from({ length: LATENT }, (_, i) => `latent ${i}`);
  return [...features, ...latents, ...padded(layout.roots, layout.width.roots)];
}

function outputNames(layout: Layout, s: number, network: NetworkName): string[] {
  if (network === 'decoder') return ownedNames(layout, s);
  return Array.from({ length: 2 * LATENT }, (_, i) => `output ${i}`);
}

function ownedNames(layout: Layout, s: number): string[] {
  const names = (layout.owned[s] ?? []).flatMap((v) => [0, 1, 2].map((q) => `${layout.nodes[v]} ${q}`));
  return padded(names, 3 * layout.width.owned);
}

function padded(names: readonly string[], length: number): string[] {
  return Array.from({ length }, (_, i) => names[i] ?? `padding ${length} ${i}`);
}
