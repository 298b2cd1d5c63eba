import type { ReceiverKind } from '@sage/evaluation';

/** What the receiver's process is: nobody, where nothing is traced. */
export type ReceiverRole = ReceiverKind | 'nobody';

export interface ReceiverSettings {
  readonly otlpPort: number;
  readonly jaegerPort: number;
  /** Of the whole bench; what of it is there when nobody else is left is removed. */
  readonly workDir: string;
}

export type ReceiverCommand =
  | { readonly kind: 'become'; readonly role: ReceiverRole }
  | { readonly kind: 'read' }
  /** Processes that are held at times, and cannot notice then that their parent is gone: the receiver ends them. */
  | { readonly kind: 'guard'; readonly pids: readonly number[] };

export type ReceiverReport =
  | { readonly kind: 'ready' }
  | { readonly kind: 'became'; readonly problem: string | undefined }
  /** Processor time since the start, and what came in since it became what it is: spans at Sage, messages at the sink. */
  | { readonly kind: 'reading'; readonly cpuMs: number; readonly received: number };
