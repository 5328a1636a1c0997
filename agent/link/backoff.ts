// When to dial again. A uniform draw from a growing window spreads a fleet that lost its control plane at one moment; the window shrinks
// only after a link that stayed healthy for a while, so a control plane that accepts and drops is not hammered.

export interface BackoffBounds {
  readonly firstWindowMs: number;
  readonly maxWindowMs: number;
  /** A link that lived this long counts as healthy. */
  readonly healthyMs: number;
}

export const defaultBackoff: BackoffBounds = { firstWindowMs: 1_000, maxWindowMs: 60_000, healthyMs: 30_000 };

export class Backoff {
  #windowMs: number;
  readonly #bounds: BackoffBounds;
  readonly #random: () => number;

  /** `random` is uniform in [0, 1). */
  constructor(random: () => number, bounds: BackoffBounds = defaultBackoff) {
    this.#bounds = bounds;
    this.#random = random;
    this.#windowMs = bounds.firstWindowMs;
  }

  /** Milliseconds until the next dial; the window doubles. What the server asked for wins when it is longer. */
  nextMs(serverAskedMs: number | null = null): number {
    const drawn = this.#random() * this.#windowMs;
    this.#windowMs = Math.min(this.#windowMs * 2, this.#bounds.maxWindowMs);
    return serverAskedMs === null ? drawn : Math.max(serverAskedMs, drawn);
  }

  /** For what only an operator can mend: ask again, but seldom. */
  slowest(): void {
    this.#windowMs = this.#bounds.maxWindowMs;
  }

  linkLived(ms: number): void {
    if (ms >= this.#bounds.healthyMs) this.#windowMs = this.#bounds.firstWindowMs;
  }
}
