import { join } from 'node:path';
import type { CallGraph } from '@sage/causal-graph';
import type { CollectorStats } from '@sage/collector-extension';
import { createRng, type Objective, readObjective, type Span, type Window } from '@sage/core';
import { receivedNote } from '../data/received-note.js';
import { replay } from '../data/replay.js';
import { readRounds } from '../data/replay-metrics.js';
import { readSpans } from '../data/replay-spans.js';
import { type LearnOptions, learn } from '../learn.js';
import { type Case, DataError, type Suite } from '../observed.js';
import {
  type Injection,
  type Period,
  readCulprits,
  readHotelObjective,
  readInjections,
  readUndisturbed,
} from './hotel-files.js';
import {
  pastOf,
  type Question,
  questionIn,
  quietQuestions,
  type Remembered,
  remember,
} from './hotel-questions.js';

/**
 * The caches have no spans of their own, and the client spans of their callers carry no `peer.service`: only names, as
 * the application's source gives them, by which its operator would set it in the OpenTelemetry Collector.
 */
const PEERS: Readonly<Record<string, string>> = {
  memcached_get_profile: 'memcached-profile',
  memcached_get_multi_rate: 'memcached-rate',
  memcached_capacity_get_multi_number: 'memcached-reserve',
  memcached_reserve_get_multi_number: 'memcached-reserve',
};

/** A new window begins with every half of one: of two broken in a row the latter then lies mostly inside the violation. */
const SLIDES_PER_WINDOW = 2;
/** Sage is silent until it has a model; `learning.min_windows` is 60 unless configured. */
const WINDOWS_BEFORE_A_MODEL = 60;
const MINUTE_MS = 60_000;
/** What was done without a culprit; the rest are faults of somebody. */
const HARMLESS: ReadonlySet<string> = new Set(['decoy', 'surge']);

export interface HotelOptions extends LearnOptions {
  readonly data: string;
}

/**
 * Hotel Reservation of DeathStarBench, recorded as real processes. Spans and metrics go through the collector extension;
 * the undisturbed time is learnt from. Each fault is asked about once. Kinds of cases:
 *
 * - `fault`: began when all was well and broke the objective in two windows apart or more; `fault-unclean`: the same,
 *   while the application still suffered from the one before. Where it opens no incident the case is missed.
 * - `quiet fault`: broke it in fewer; whoever is blamed is blamed without need.
 * - `decoy`, `surge`: no culprit, whatever the objective did.
 * - `undisturbed`: what opened an incident by itself, and about one window per minute that kept the objective.
 */
export async function hotelSuite(options: HotelOptions): Promise<Suite> {
  const { data, seed } = options;
  const undisturbed = readUndisturbed(data);
  const injections = readInjections(data);
  const { objective, windowSeconds } = readHotelObjective(data);
  const lastMs = Math.max(undisturbed.endMs, ...injections.map(({ endMs }) => endMs));
  const heard = await listen(options, { undisturbed, windowSeconds, lastMs });
  const remembered = remember(heard.windows, objective);
  const quiet = remembered.filter(({ window }) => window.endMs <= undisturbed.endMs);
  const sinceMs = quiet[WINDOWS_BEFORE_A_MODEL]?.window.startMs;
  if (heard.callGraph === undefined || sinceMs === undefined) {
    throw new DataError(
      `${join(data, 'periods.json')}: the undisturbed period holds ${quiet.length} windows; more than ${WINDOWS_BEFORE_A_MODEL} are needed to learn from`,
    );
  }
  if (!quiet.some(({ window }) => readObjective(objective, window).observedMs !== undefined)) {
    throw new DataError(
      `${join(data, 'objective.json')}: no root span '${objective.operation}' of '${objective.service}' in the undisturbed period`,
    );
  }
  const asked = injections.map((injection) => {
    const question = questionIn(injection, heard.windows, objective);
    if (question !== undefined) return { injection, question };
    throw new DataError(`${join(data, 'faults.json')}: no window was recorded inside fault ${injection.id}`);
  });

  const { graph, model, training } = await learn(
    heard.callGraph,
    quiet.map(({ window }) => window),
    options,
  );
  const observe = (id: string, window: Window): Case['observed'] => ({
    model,
    graph,
    history: pastOf(window, remembered),
    window,
    objective,
    rng: createRng(seed).fork(id),
  });
  const calm = quietQuestions(quiet, objective, { sinceMs, everyMs: MINUTE_MS }).map((window): Case => {
    const id = `undisturbed/${(window.endMs - undisturbed.startMs) / 1000}s`;
    return { id, kind: 'undisturbed', observed: observe(id, window), truth: () => [] };
  });
  const faults = asked.map(({ injection, question }): Case => {
    const id = `${injection.id}/${injection.kind}`;
    const kind = kindOf(injection, question);
    const guilty = kind === 'fault' || kind === 'fault-unclean';
    return {
      id,
      kind,
      observed: observe(id, question.window),
      truth: () => (guilty ? readCulprits(data, injection.id) : []),
    };
  });
  return {
    name: 'hotel',
    cases: [...calm, ...faults],
    trainings: [training],
    notes: [receivedNote(heard.stats), ...detectionNotes(asked), calmNote(quiet, objective)],
  };
}

interface Heard {
  readonly windows: readonly Window[];
  /** As known at the end of the undisturbed time. */
  readonly callGraph: CallGraph | undefined;
  readonly stats: CollectorStats;
}

/** The whole recording through the collector, from the time on when the caches were warm. */
async function listen(
  { data, progress }: HotelOptions,
  {
    undisturbed: { startMs, endMs },
    windowSeconds,
    lastMs,
  }: { readonly undisturbed: Period; readonly windowSeconds: number; readonly lastMs: number },
): Promise<Heard> {
  const windows: Window[] = [];
  let callGraph: CallGraph | undefined;
  const stats = await replay(
    {
      spans: namedPeers(readSpans(join(data, 'spans.csv.gz'))),
      rounds: readRounds(join(data, 'metrics.jsonl.gz')),
    },
    {
      windows: { windowSeconds, slideSeconds: windowSeconds / SLIDES_PER_WINDOW },
      onWindow: (window, graph) => {
        if (window.startMs < startMs) return;
        windows.push(window);
        if (window.endMs <= endMs) callGraph = graph();
        const part = Math.min(1, (window.endMs - startMs) / (lastMs - startMs));
        progress(part, `recording replayed: ${windows.length} windows`);
      },
    },
  );
  return { windows, callGraph, stats };
}

async function* namedPeers(spans: AsyncIterable<Span>): AsyncGenerator<Span> {
  for await (const span of spans) {
    yield span.kind === 'client' ? { ...span, peerService: PEERS[span.operation] } : span;
  }
}

function kindOf({ kind, startedClean }: Injection, { broken }: Question): string {
  if (HARMLESS.has(kind)) return kind;
  if (broken < 2) return 'quiet fault';
  return startedClean ? 'fault' : 'fault-unclean';
}

interface Asked {
  readonly injection: Injection;
  readonly question: Question;
}

function detectionNotes(asked: readonly Asked[]): string[] {
  const kinds = new Map<string, Asked[]>();
  for (const item of asked) {
    const kind = kindOf(item.injection, item.question);
    kinds.set(kind, [...(kinds.get(kind) ?? []), item]);
  }
  return [...kinds].map(([kind, items]) => {
    const opened = items.filter(({ question }) => question.incident);
    const list = items.map(
      ({ injection, question: { broken, windows } }) =>
        `${injection.id} ${injection.kind} ${broken}/${windows}`,
    );
    return `${kind}: an incident opened in ${opened.length} of ${items.length} (windows broken: ${list.join(', ')})`;
  });
}

function calmNote(quiet: readonly Remembered[], objective: Objective): string {
  const broken = quiet.filter(({ window }) => readObjective(objective, window).broken).length;
  const opened = quiet.filter(({ opens }) => opens).length;
  return `undisturbed: ${broken} of ${quiet.length} windows broke the objective, ${opened} incidents opened`;
}
