import {
  type Candidate,
  type Culprit,
  type Diagnosis,
  formatElapsed,
  measured,
  measurementName,
  milliseconds,
  ProgressDisplay,
  type TextSink,
  type Victim,
} from '@sage/core';

export interface NarratorOptions {
  /** The story: what a person wants to read afterwards. */
  readonly out: TextSink;
  /** Progress of long work. */
  readonly progress: TextSink;
  readonly color: boolean;
  readonly now: () => number;
}

/** Tells the demo's story in plain words, each line with the time since the start. */
export class Narrator {
  readonly #options: NarratorOptions;
  readonly #startMs: number;
  readonly #display: ProgressDisplay;

  constructor(options: NarratorOptions) {
    this.#options = options;
    this.#display = new ProgressDisplay(options.progress, options.now);
    this.#startMs = options.now();
  }

  /** Seconds since the story began. */
  elapsedSeconds(): number {
    return (this.#options.now() - this.#startMs) / 1000;
  }

  say(text: string): void {
    this.#display.clear();
    this.#options.out.write(`${this.dim(formatElapsed(this.elapsedSeconds()))}  ${text}\n`);
  }

  /** A line that belongs to the one before. */
  detail(text: string): void {
    this.#display.clear();
    this.#options.out.write(`       ${text}\n`);
  }

  progress(fraction: number, text: string): void {
    this.#display.show(fraction, text);
  }

  bold(text: string): string {
    return this.#style('1', text);
  }
  dim(text: string): string {
    return this.#style('2', text);
  }
  good(text: string): string {
    return this.#style('32', text);
  }
  bad(text: string): string {
    return this.#style('31', text);
  }

  #style(code: string, text: string): string {
    return this.#options.color ? `\x1b[${code}m${text}\x1b[0m` : text;
  }
}

function formatProbability(value: number): string {
  return `P = ${value.toFixed(2)}`;
}

/** The diagnosis as the terminal tells it. */
export function tellDiagnosis(narrator: Narrator, diagnosis: Diagnosis): void {
  if (diagnosis.verdict !== 'culprits') {
    narrator.say(
      `Diagnosis of ${diagnosis.objective}: ${narrator.bold(diagnosis.verdict)}. ${diagnosis.reason}`,
    );
  } else {
    narrator.say(
      `Diagnosis of ${diagnosis.objective}: ${diagnosis.culprits.map((culprit) => narrator.bad(narrator.bold(describeCulprit(culprit)))).join('; ')}`,
    );
    narrator.detail(diagnosis.reason);
  }
  if (diagnosis.victims.length > 0) {
    narrator.detail(`slow, but not the cause: ${diagnosis.victims.map(describeVictim).join(', ')}`);
  }
  const candidates = diagnosis.services.slice(0, 6);
  if (candidates.length > 0) {
    narrator.detail(
      `end-to-end latency had one service behaved (now ${milliseconds(diagnosis.observedMs)}, objective ${milliseconds(diagnosis.thresholdMs)}):`,
    );
    const widest = Math.max(
      diagnosis.observedMs ?? 0,
      ...candidates.map((candidate) => candidate.counterfactualMs),
    );
    const nameWidth = Math.max(...candidates.map((candidate) => candidate.service.length));
    for (const candidate of candidates) narrator.detail(`  ${candidateRow(candidate, nameWidth, widest)}`);
  }
  for (const culprit of diagnosis.culprits) {
    const resources = diagnosis.resources.filter((candidate) => candidate.service === culprit.service);
    narrator.detail(
      `resources of ${culprit.service}: ${resources.map((r) => `${r.resource} ${formatProbability(r.probability)}`).join(', ')}`,
    );
    for (const { name, unit, observed, expected } of culprit.evidence.slice(0, 3)) {
      narrator.detail(
        `evidence: ${measurementName(name)} ${measured(observed, unit, name)}, normally ${measured(expected, unit, name)}`,
      );
    }
  }
}

function describeCulprit(culprit: Culprit): string {
  return `${culprit.service} / ${culprit.resource} (${formatProbability(culprit.probability)})`;
}

function describeVictim(victim: Victim): string {
  return `${victim.service} (${milliseconds(victim.observedMs)}, normally ${milliseconds(victim.normalMs)})`;
}

function candidateRow(candidate: Candidate, nameWidth: number, widestMs: number): string {
  const length = Math.max(1, Math.round((candidate.counterfactualMs / Math.max(1, widestMs)) * 24));
  return `${candidate.service.padEnd(nameWidth)}  ${'▇'.repeat(length).padEnd(24)} ${milliseconds(candidate.counterfactualMs)}, ${formatProbability(candidate.probability)}`;
}
