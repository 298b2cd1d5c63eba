import { type EvaluateOptions, petshopSuite, type Suite } from '@sage/evaluation';
import type { ParsedCommand } from '../command.js';
import type { FlagSpec, FlagSpecs } from '../flags.js';

/** A suite as the command line knows it. */
export interface SuiteEntry {
  readonly summary: string;
  readonly description: string;
  /** Its own options; those that every suite has stand in the command. */
  readonly flags: FlagSpecs;
  /** Arguments that work, for the help text. */
  readonly example: string;
  /** Reads or makes the cases and learns from the undisturbed time. Throws a DataError for what it cannot use. */
  load(flags: ParsedCommand['flags'], options: EvaluateOptions): Promise<Suite>;
}

export const SUITES: Readonly<Record<string, SuiteEntry>> = {
  petshop: {
    summary: 'a shop in a cloud with injected faults (Hardt et al. 2024): metrics only, services are scored',
    description: `Reads <low|high>_traffic/{graph.csv, noissue/metrics.csv, SPLIT/issue_N/{metrics.csv, target.json}} below
--data: the folder 'dataset' of github.com/amazon-science/petshop-root-cause-analysis.`,
    flags: {
      data: dataFolder('the data set'),
      split: {
        type: 'string',
        choices: ['train', 'test'],
        default: 'train',
        help: 'which of its issues; both are only asked about, labels are read afterwards',
      },
    },
    example: '--data petshop/dataset --split train --method all',
    load: (flags, options) =>
      petshopSuite({ ...options, data: String(flags.data), split: String(flags.split) }),
  },
};

function dataFolder(help: string): FlagSpec {
  return { type: 'string', placeholder: 'DIR', required: true, help: `folder of ${help}` };
}
