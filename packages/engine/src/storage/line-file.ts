/** JSON lines that are only added to. A write that ended half-way, on a full disk or by a crash, costs no later line. */
export class LineFile {
  readonly #write: (text: string) => Promise<void>;
  #torn: boolean;

  /** `write` adds text to the file; `torn`: the file does not end with a whole line. */
  constructor(write: (text: string) => Promise<void>, torn = false) {
    this.#write = write;
    this.#torn = torn;
  }

  /** Resolves to the bytes added. */
  async add(line: string): Promise<number> {
    const text = `${this.#torn ? '\n' : ''}${line}\n`;
    this.#torn = true;
    await this.#write(text);
    this.#torn = false;
    return Buffer.byteLength(text);
  }
}
