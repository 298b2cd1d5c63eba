import {
  type EvaluateOptions,
  hotelSuite,
  nezhaSuite,
  petshopSuite,
  SIMULATED_KINDS,
  type Suite,
  simulatedSuite,
} from '@sage/evaluation';
import { MIN_WINDOWS } from '@sage/gvae';
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

const SHARE = { type: 'number', placeholder: 'SHARE', min: 0, max: 1 } as const;
/** Of half a minute. */
const DAY_OF_WINDOWS = 2880;

export const SUITES: Readonly<Record<string, SuiteEntry>> = {
  simulated: {
    summary: 'an application in the simulator: faults of every kind, as many as wanted',
    description: `Simulates an application from midnight on and sends its spans and metrics through the collector. Learns
from the first windows, in which now and then something happens that nobody is told of, as in any deployment: neighbours
that take cores or disk, a link that is slow, a pool that runs dry, more load. Faults then follow each other with time to
recover between them. The default of ${DAY_OF_WINDOWS} windows of 30 s is a day. The same seed gives the same application,
disturbances, faults and answers.`,
    flags: {
      topology: {
        type: 'string',
        placeholder: 'NAME|FILE',
        required: true,
        help: 'social-network, media, hotel, chain, fanout, or a file in the format dsb-callgraph/1',
      },
      faults: { ...count(1, 10_000), required: true, help: 'how many cases, one after the other' },
      'train-windows': {
        ...count(MIN_WINDOWS, 100_000),
        default: DAY_OF_WINDOWS,
        help: 'windows to learn from',
      },
      'calm-training': { type: 'boolean', help: 'nothing disturbs the time that is learnt from' },
      'window-seconds': { ...count(1, 3600), default: 30, help: 'length of a window' },
      kinds: {
        type: 'string',
        placeholder: 'LIST',
        help: `of ${SIMULATED_KINDS.join(',')}; default: all that the topology can have`,
      },
      concurrent: { ...count(1, 100), default: 1, help: 'faults at a time, each of another service' },
      uninstrumented: { ...SHARE, default: 0, help: 'share of the services that no exporter tells of' },
      sampling: { ...SHARE, min: 0.001, default: 1, help: 'share of the requests that are traced' },
      'calibration-faults': {
        ...count(1, 10_000),
        default: 192,
        help: 'faults of the labelled run of its own that methods with parameters are calibrated on',
      },
      replicas: { ...count(1, 64), default: 1, help: 'replicas of every service; kind replica needs two' },
      'requests-per-second': {
        type: 'number',
        placeholder: 'N',
        min: 0.1,
        max: 100_000,
        default: 50,
        help: 'mean over a day',
      },
    },
    example: '--topology chain --faults 20 --train-windows 480',
    load: (flags, options) =>
      simulatedSuite({
        ...options,
        topology: String(flags.topology),
        faults: Number(flags.faults),
        trainWindows: Number(flags['train-windows']),
        calmTraining: flags['calm-training'] === true,
        windowSeconds: Number(flags['window-seconds']),
        kinds: flags.kinds === undefined ? undefined : listOf(String(flags.kinds)),
        concurrent: Number(flags.concurrent),
        calibrationFaults: Number(flags['calibration-faults']),
        uninstrumented: Number(flags.uninstrumented),
        sampling: Number(flags.sampling),
        replicas: Number(flags.replicas),
        requestsPerSecond: Number(flags['requests-per-second']),
      }),
  },
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
  nezha: {
    summary:
      'a shop or a booking system with injected faults (Yu et al. 2023): services and resources are scored',
    description: `Reads SYSTEM/{fault_list.json, root_cause.json, metric/*.csv} below --data, of train-ticket also trace/ and
trace_faultfree/: the construct data of github.com/IntelligentDDS/Nezha, a folder per application.`,
    flags: {
      data: dataFolder('the data set'),
      system: {
        type: 'string',
        choices: ['online-boutique', 'train-ticket'],
        required: true,
        help: 'which of its two applications',
      },
    },
    example: '--data nezha --system online-boutique --method all',
    load: (flags, options) =>
      nezhaSuite({ ...options, data: String(flags.data), system: String(flags.system) }),
  },
  hotel: {
    summary: 'a hotel reservation of real processes, recorded with faults: services and resources are scored',
    description: `Reads {spans.csv.gz, metrics.jsonl.gz, periods.json, faults.json, objective.json} in --data and sends
spans and metrics through the collector.`,
    flags: { data: dataFolder('the recording') },
    example: '--data hotel --method all',
    load: (flags, options) => hotelSuite({ ...options, data: String(flags.data) }),
  },
};

function listOf(text: string): string[] {
  return text.split(',').map((word) => word.trim());
}

function count(min: number, max: number): Pick<FlagSpec, 'type' | 'placeholder' | 'min' | 'max'> {
  return { type: 'integer', placeholder: 'N', min, max };
}

function dataFolder(help: string): FlagSpec {
  return { type: 'string', placeholder: 'DIR', required: true, help: `folder of ${help}` };
}
