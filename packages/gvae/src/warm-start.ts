import type { Layout, Unit } from './layout.js';
import { layersOf, NETWORKS, type NetworkName, type Parameters } from './parameters.js';

interface Learnt {
  readonly layout: Layout;
  readonly parameters: Parameters;
}

/**
 * A new model's parameters from those of an earlier one: units that survive keep their networks column by column, found
 * by name. New inputs start at zero, so that a grown network first answers as the old one did (reference, section 5).
 * What has no forerunner keeps its `fresh` values.
 */
export function warmStart(layout: Layout, fresh: Parameters, from: Learnt): Parameters {
  const older = new Map(from.layout.units.map((unit, u) => [nameOf(unit), u]));
  const units = fresh.units.map((values, u) => {
    const unit = layout.units[u] as Unit;
    const before = older.get(nameOf(unit));
    if (before === undefined) return values;
    return reshape(
      { layout, unit, values },
      {
        layout: from.layout,
        unit: from.layout.units[before] as Unit,
        values: from.parameters.units[before] as Float32Array,
      },
    );
  });
  const corrections = new Map(
    from.layout.edges.map((edge, e) => [
      edgeName(from.layout, edge),
      from.parameters.corrections[e] as number,
    ]),
  );
  return {
    units,
    corrections: Float32Array.from(
      layout.edges,
      (edge, e) => corrections.get(edgeName(layout, edge)) ?? (fresh.corrections[e] as number),
    ),
  };
}

interface Shaped {
  readonly layout: Layout;
  readonly unit: Unit;
  readonly values: Float32Array;
}

function reshape(target: Shaped, source: Shaped): Float32Array {
  const values = Float32Array.from(target.values);
  const here = layersOf(target.unit);
  const there = layersOf(source.unit);
  for (const network of NETWORKS) {
    const rows = places(inputNames(target, network), inputNames(source, network));
    const columns = places(outputNames(target, network), outputNames(source, network));
    here[network].forEach((layer, depth) => {
      const old = there[network][depth] as typeof layer;
      const oldColumn = (column: number) => (depth === 2 ? (columns[column] as number) : column);
      for (let row = 0; row < layer.inputs; row++) {
        const oldRow = depth === 0 ? (rows[row] as number) : row;
        for (let column = 0; column < layer.outputs; column++) {
          const at = layer.weight + row * layer.outputs + column;
          if (oldRow < 0) values[at] = 0;
          else if (oldColumn(column) >= 0) {
            values[at] = source.values[old.weight + oldRow * old.outputs + oldColumn(column)] as number;
          }
        }
      }
      for (let column = 0; column < layer.outputs; column++) {
        if (oldColumn(column) < 0) continue;
        values[layer.bias + column] = source.values[old.bias + oldColumn(column)] as number;
      }
    });
  }
  return values;
}

/** Per name its place in the old list; −1 where it is new. */
function places(names: readonly string[], old: readonly string[]): readonly number[] {
  const known = new Map(old.map((name, i) => [name, i]));
  return names.map((name) => known.get(name) ?? -1);
}

function inputNames({ layout, unit }: Shaped, network: NetworkName): readonly string[] {
  if (network === 'prior') return unit.features;
  if (network === 'encoder') return [...unit.features, ...ownNames(layout, unit)];
  return [...unit.features, ...ownNames(layout, unit), ...unit.roots.map((r) => layout.roots[r] as string)];
}

function outputNames({ layout, unit }: Shaped, network: NetworkName): readonly string[] {
  if (network === 'decoder') return ownNames(layout, unit);
  return ['mean', 'variance'].flatMap((part) => ownNames(layout, unit).map((name) => `${part} of ${name}`));
}

function ownNames(layout: Layout, unit: Unit): readonly string[] {
  return unit.nodes.flatMap((v) => [0, 1, 2].map((q) => `${layout.nodes[v]} ${q}`));
}

export function nameOf({ service, channel }: Unit): string {
  return `${channel}|${service}`;
}

function edgeName(layout: Layout, { parent, child }: Layout['edges'][number]): string {
  return `${layout.nodes[parent]}\n${layout.nodes[child]}`;
}
