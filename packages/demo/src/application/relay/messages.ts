/** What the parent tells the relay's process. */
export type RelayCommand =
  | {
      readonly kind: 'open';
      readonly seed: number;
      readonly links: readonly { readonly link: string; readonly host: string }[];
    }
  | {
      readonly kind: 'target';
      readonly link: string;
      readonly target: { readonly host: string; readonly port: number };
    };

/** What it answers. */
export type RelayReport =
  | { readonly kind: 'started' }
  | {
      readonly kind: 'opened';
      readonly controlPort: number;
      readonly ports: Readonly<Record<string, { readonly port: number; readonly echoPort: number }>>;
    };
