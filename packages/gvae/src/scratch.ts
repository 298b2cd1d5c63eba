/** Room for one call after another to work in, made anew only where it is too small. Nothing of it is cleared. */
export class Scratch {
  #room: Float64Array = new Float64Array(0);

  of(length: number): Float64Array {
    if (this.#room.length < length) this.#room = new Float64Array(length);
    return this.#room.length === length ? this.#room : this.#room.subarray(0, length);
  }
}
