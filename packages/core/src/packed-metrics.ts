import { Keys, PackedMap } from './packed-map.js';
import type { FeatureName } from './telemetry.js';
import type { Window } from './window.js';

/** Packs metrics of windows that have most services in common, and most features of each. */
export class MetricsPacker {
  readonly #services = new Keys<string>();
  /** [service]. */
  readonly #features: Keys<FeatureName>[] = [];

  pack(metrics: Window['metrics']): Window['metrics'] {
    for (const [service, read] of metrics) addFeatures(this.#of(this.#services.add(service)), read);
    const count = this.#services.size;
    const starts = new Uint32Array(count + 1);
    for (let s = 0; s < count; s++) starts[s + 1] = (starts[s] as number) + this.#of(s).size;
    const isSeen = new Uint8Array(count);
    const isRead = new Uint8Array(starts[count] as number);
    const values = new Float64Array(starts[count] as number);
    for (const [service, read] of metrics) {
      const s = this.#services.add(service);
      isSeen[s] = 1;
      writeFeatures(this.#of(s), read, { values, isRead }, starts[s] as number);
    }
    return new PackedMap(this.#services, count, (s) => {
      const at = starts[s] as number;
      const width = (starts[s + 1] as number) - at;
      return isSeen[s] === 1 ? readFeatures(this.#of(s), width, { values, isRead }, at) : undefined;
    });
  }

  #of(service: number): Keys<FeatureName> {
    this.#features[service] ??= new Keys();
    return this.#features[service];
  }
}

/** Values of features, and 1 where one was read. */
export interface FeatureColumns {
  readonly values: Float64Array;
  readonly isRead: Uint8Array;
}

type Features = ReadonlyMap<FeatureName, number>;

export function addFeatures(features: Keys<FeatureName>, read: Features): void {
  for (const feature of read.keys()) features.add(feature);
}

/** From a place of the columns on. */
export function writeFeatures(
  features: Keys<FeatureName>,
  read: Features,
  { values, isRead }: FeatureColumns,
  at: number,
): void {
  for (const [feature, value] of read) {
    const f = features.add(feature);
    values[at + f] = value;
    isRead[at + f] = 1;
  }
}

/** What `writeFeatures` wrote there, when there were `width` features. */
export function readFeatures(
  features: Keys<FeatureName>,
  width: number,
  { values, isRead }: FeatureColumns,
  at: number,
): Features {
  return new PackedMap(features, width, (f) => (isRead[at + f] === 1 ? values[at + f] : undefined));
}
