// How many calls a second an account gives to a principal. AWS publishes no figure, so it is measured: between two refusals the hidden bucket
// went from empty to empty, and the calls accepted in that time are its refill. Pace a little under that, lean slowly over it, measure again at
// the next refusal. Decision 0012 compares this with other rules.

export interface RateLimits {
  /** Calls a second at the start. */
  readonly callsPerSecond: number;
  /** Calls a second that the learned rate never passes. */
  readonly maxCallsPerSecond: number;
}

/** Growth of the rate: in a second until the first refusal; by a call around what was measured; in a second beyond, or when nothing is. */
const growth = { startPerSecond: 1, leanPerCall: 0.0005, probePerSecond: 0.2 } as const;
/** The pace after a measurement, and where leaning ends, as parts of what was measured. */
const under = 0.95;
const over = 1.05;
/** What is left of a rate that was refused and could not be measured; a measurement never takes more. */
const cut = 0.5;
/** A measurement over less says nothing. */
const shortestMs = 500;
const fewest = 8;
const slowest = 0.2;

export class LearnedRate {
  #limits: RateLimits;
  #rate: number;
  #measured: number | null = null;
  #cutAtMs: number | null = null;
  #acceptedSinceCut = 0;
  #idledSinceCut = false;

  constructor(limits: RateLimits) {
    this.#limits = limits;
    this.#rate = Math.min(limits.callsPerSecond, limits.maxCallsPerSecond);
  }

  /** Calls a second. */
  get perSecond(): number {
    return this.#rate;
  }

  /** Of several ceilings the lowest holds. */
  keepWithin(maxCallsPerSecond: number): void {
    if (maxCallsPerSecond >= this.#limits.maxCallsPerSecond) return;
    this.#limits = { ...this.#limits, maxCallsPerSecond };
    this.#set(this.#rate);
  }

  /** A call waited for so long. Only a rate that is used up may grow: idle time proves nothing. */
  waited(ms: number): void {
    this.#set(this.#rate * Math.exp((this.#growthPerSecond() * ms) / 1000));
  }

  /** More calls could have been made than were wanted: what is accepted from now on no longer measures the account. */
  idled(): void {
    this.#idledSinceCut = true;
  }

  accepted(startedAtMs: number): void {
    if (this.#cutAtMs === null || startedAtMs >= this.#cutAtMs) this.#acceptedSinceCut += 1;
  }

  /** True: the rate was cut. One cut an emptying: calls that were under way at the last cut belong to it. */
  refused(startedAtMs: number, nowMs: number): boolean {
    if (this.#cutAtMs !== null && startedAtMs <= this.#cutAtMs) return false;
    this.#measured = this.#measure(startedAtMs);
    this.#set(this.#measured === null ? this.#rate * cut : this.#measured * under);
    this.#cutAtMs = nowMs;
    this.#acceptedSinceCut = 0;
    this.#idledSinceCut = false;
    return true;
  }

  #growthPerSecond(): number {
    if (this.#cutAtMs === null) return growth.startPerSecond;
    const leaning = this.#measured !== null && this.#rate < this.#measured * over;
    return leaning ? this.#rate * growth.leanPerCall : growth.probePerSecond;
  }

  /** Calls that began before the refused one did have their answers by now; later ones do not, and would make the time too long. */
  #measure(refusedStartMs: number): number | null {
    if (this.#cutAtMs === null || this.#idledSinceCut) return null;
    const sinceMs = refusedStartMs - this.#cutAtMs;
    if (sinceMs < shortestMs || this.#acceptedSinceCut < fewest) return null;
    return Math.min(this.#rate, Math.max(this.#rate * cut, (this.#acceptedSinceCut / sinceMs) * 1000));
  }

  #set(rate: number): void {
    this.#rate = Math.min(this.#limits.maxCallsPerSecond, Math.max(slowest, rate));
  }
}
