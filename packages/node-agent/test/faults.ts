export function code(name: string): Error {
  return Object.assign(new Error(`${name}: as the test has it`), { code: name });
}

/** `fail`: the effect does not happen and says so. `late`: it happens and then says it failed. `crash`: the process ends. */
export type FaultKind = 'fail' | 'late' | 'crash';

/** One fault, `after` so many effects that went well since the fault before. */
export interface Fault {
  readonly after: number;
  readonly kind: FaultKind;
}

/** Whatever changes the node or the disk goes through one of these. */
export interface Effects {
  /** Throws where the effect fails before it happens; `half` is what of it happens even then. */
  meet(what: string, half?: () => void): void;
  /** As `meet`, for effects that can also happen and fail afterwards. */
  around<T>(effect: () => T): T;
}

/** Effects on the node and on the disk, in one order, and which of them go wrong. */
export class Faults implements Effects {
  readonly #schedule: Fault[];
  #well = 0;
  /** After a crash nothing works until the next start. */
  dead = false;
  count = 0;

  constructor(schedule: readonly Fault[]) {
    this.#schedule = [...schedule];
  }

  meet(_what: string, half: () => void = () => {}): void {
    const late = this.#next(half);
    if (late) throw code('EIO');
  }

  around<T>(effect: () => T): T {
    const late = this.#next(() => {});
    const value = effect();
    if (late) throw code('EIO');
    return value;
  }

  /** Nothing fails any more. */
  end(): void {
    this.#schedule.length = 0;
    this.dead = false;
  }

  #next(half: () => void): boolean {
    if (this.dead) throw code('ECRASHED');
    this.count++;
    const next = this.#schedule[0];
    if (next === undefined || this.#well++ < next.after) return false;
    this.#schedule.shift();
    this.#well = 0;
    if (next.kind === 'late') return true;
    half();
    this.dead = next.kind === 'crash';
    throw code(this.dead ? 'ECRASHED' : 'ENOSPC');
  }
}
