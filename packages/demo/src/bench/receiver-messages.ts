/** What stands at the other end of tracing: Sage, or nobody. */
export type ReceiverKind = 'sage' | 'sink';

export interface ReceiverSettings {
  readonly otlpPort: number;
  readonly jaegerPort: number;
  /** Sage's. */
  readonly dataDir: string;
}

export type ReceiverCommand =
  | { readonly kind: 'become'; readonly receiver: ReceiverKind }
  | { readonly kind: 'read' };

export type ReceiverReport =
  | { readonly kind: 'ready' }
  | { readonly kind: 'became'; readonly problem: string | undefined }
  /** Processor time since the start, and what came in since it became what it is: spans at Sage, messages at the sink. */
  | { readonly kind: 'reading'; readonly cpuMs: number; readonly received: number };
