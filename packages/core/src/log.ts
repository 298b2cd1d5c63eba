/** Where programs report what they do. Fields are for machines, the message for people. */
export interface Logger {
  info(message: string, fields?: Readonly<Record<string, unknown>>): void;
  warn(message: string, fields?: Readonly<Record<string, unknown>>): void;
  error(message: string, fields?: Readonly<Record<string, unknown>>): void;
}

export const silentLogger: Logger = { info: () => {}, warn: () => {}, error: () => {} };

/** One logfmt line a message, as the Prometheus family writes them. */
export function createLogger(write: (line: string) => void, now: () => number): Logger {
  const emit =
    (level: string) =>
    (message: string, fields: Readonly<Record<string, unknown>> = {}) => {
      const rest = Object.entries(fields).map(([key, value]) => ` ${key}=${quote(value)}`);
      write(`ts=${new Date(now()).toISOString()} level=${level} msg=${quote(message)}${rest.join('')}\n`);
    };
  return { info: emit('info'), warn: emit('warn'), error: emit('error') };
}

function quote(value: unknown): string {
  const text = typeof value === 'string' ? value : (JSON.stringify(value) ?? String(value));
  return /^[^\s"=]+$/.test(text) ? text : JSON.stringify(text);
}
