/** What others have published on the same data sets: their code, their cases, their figures. */
export interface Published {
  readonly group: string;
  readonly method: string;
  /** Top-1, top-3 and where known top-5. */
  readonly top: readonly [number | undefined, number | undefined, number | undefined];
}

/** Hardt et al. 2024 (PetShop), all cases: low traffic, then high. */
const PETSHOP_LATENCY: Readonly<Record<string, readonly (readonly [number, number])[]>> = {
  'PetShop traversal': [
    [0.57, 0.57],
    [0.57, 0.79],
  ],
  CIRCA: [
    [0.36, 0.86],
    [0.5, 1],
  ],
  'counterfactual attribution': [
    [0.36, 0.71],
    [0.57, 0.86],
  ],
  'ranked correlation': [
    [0.43, 0.57],
    [0.64, 0.79],
  ],
  RCD: [
    [0.07, 0.21],
    [0, 0.07],
  ],
};
const PETSHOP_AVAILABILITY: typeof PETSHOP_LATENCY = {
  'PetShop traversal': [
    [0.5, 1],
    [0.33, 1],
  ],
  'ranked correlation': [
    [0.75, 0.92],
    [0.83, 0.92],
  ],
};

/** Yu et al. 2023 (Nezha), all cases of both days: Online Boutique, then Train Ticket. */
const NEZHA: Readonly<Record<string, readonly (readonly [number, number, number])[]>> = {
  MicroScope: [
    [0.13, 0.41, 0.55],
    [0.18, 0.27, 0.36],
  ],
  MicroRCA: [
    [0.16, 0.63, 0.93],
    [0.2, 0.31, 0.44],
  ],
  MicroRank: [
    [0.41, 0.48, 0.63],
    [0.16, 0.24, 0.36],
  ],
  PDiagnose: [
    [0.41, 0.73, 0.82],
    [0.09, 0.13, 0.22],
  ],
  'Nezha (with logs)': [
    [0.93, 0.96, 0.96],
    [0.87, 0.98, 0.98],
  ],
};

export const PUBLISHED: readonly Published[] = [
  ...spread(PETSHOP_LATENCY, ['PetShop, latency, low traffic', 'PetShop, latency, high traffic']),
  ...spread(PETSHOP_AVAILABILITY, [
    'PetShop, availability, low traffic',
    'PetShop, availability, high traffic',
  ]),
  ...spread(NEZHA, ['Nezha, Online Boutique', 'Nezha, Train Ticket']),
  {
    group: 'Nezha, Online Boutique, performance faults',
    method: 'Nezha (with logs)',
    top: [40 / 42, undefined, undefined],
  },
  {
    group: 'Nezha, Train Ticket, performance faults',
    method: 'Nezha (with logs)',
    top: [17 / 21, undefined, undefined],
  },
];

function spread(
  table: Readonly<Record<string, readonly (readonly number[])[]>>,
  groups: readonly string[],
): Published[] {
  return Object.entries(table).flatMap(([method, figures]) =>
    groups.map(
      (group, i): Published => ({ group, method, top: [figures[i]?.[0], figures[i]?.[1], figures[i]?.[2]] }),
    ),
  );
}
