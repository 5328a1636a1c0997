// Knows when the markers of a listing go round in a circle: such a listing would ask for the same pages until its job's last moment. Brent's
// way: one marker is kept, and replaced after 1, 2, 4, 8 … others, so any circle is found and memory does not grow with the pages.

export class MarkerTrail {
  #kept: string | null;
  #others = 0;
  #reach = 1;

  constructor(start: string | null) {
    this.#kept = start;
  }

  /** True when this marker came before; the next one to follow otherwise. */
  cameBefore(marker: string): boolean {
    if (marker === this.#kept) return true;
    this.#others += 1;
    if (this.#others === this.#reach) {
      this.#kept = marker;
      this.#reach *= 2;
      this.#others = 0;
    }
    return false;
  }
}
