// Thousands of dials at once leave more behind than the links hold: V8 keeps that memory while little new is made, which is as long as the agents
// are idle. When a rush is over it is given back, once: a pause of about 0.1 s, when nobody dials.

export interface RushBounds {
  /** So many dials since the last time are a rush. */
  readonly dials: number;
  /** It is over when none came for so long. */
  readonly quietMs: number;
}

const bounds: RushBounds = { dials: 500, quietMs: 2_000 };

export class AfterRush {
  readonly #giveBack: () => void;
  readonly #bounds: RushBounds;
  #dials = 0;
  #timer: NodeJS.Timeout | null = null;

  constructor(giveBack: () => void, own: RushBounds = bounds) {
    this.#giveBack = giveBack;
    this.#bounds = own;
  }

  dialled(): void {
    this.#dials += 1;
    if (this.#dials < this.#bounds.dials) return;
    this.#timer ??= setTimeout(() => this.#over(), this.#bounds.quietMs);
    this.#timer.refresh();
  }

  stop(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }

  #over(): void {
    this.#timer = null;
    this.#dials = 0;
    this.#giveBack();
  }
}
