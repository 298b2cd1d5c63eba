import { writeFile } from 'node:fs/promises';
import type { Diagnosis, Resource, TextSink } from '@sage/core';

/** What `sage demo --json` writes. Times are seconds since the start of the demo. */
export interface DemoResult {
  readonly seed: number;
  readonly isolation: 'kernel' | 'user';
  /** null: no fault was injected. */
  readonly fault: {
    readonly kind: string;
    readonly service: string;
    readonly resource: Resource;
    /** What was really done, in words. */
    readonly means: string;
  } | null;
  readonly objective: string | null;
  readonly thresholdMs: number | null;
  readonly diagnosis: Diagnosis | null;
  readonly rightService: boolean;
  readonly rightResource: boolean;
  /** Right service and resource, and nobody blamed in any incident who was not at fault. */
  readonly right: boolean;
  readonly alsoBlamed: readonly string[];
  readonly actions: readonly string[];
  /**
   * Within two windows of the action a window that began after it met the objective, and the incident was closed;
   * without a fault always true.
   */
  readonly recovered: boolean;
  /** Processors that programs other than the demo kept busy, in the mean; null where /proc does not tell. */
  readonly othersProcessors: { readonly learning: number | null; readonly episode: number | null };
  readonly seconds: {
    readonly trained: number;
    readonly injected: number | null;
    readonly opened: number | null;
    readonly diagnosed: number | null;
    readonly acted: number | null;
    /** When the first window that began after the action and met the objective was known. */
    readonly recovered: number | null;
  };
  readonly r2: number;
  readonly success: boolean;
}

export async function writeResult(result: DemoResult, file: string, stdout: TextSink): Promise<void> {
  const text = `${JSON.stringify(result, null, 2)}\n`;
  if (file === '-') stdout.write(text);
  else await writeFile(file, text);
}
