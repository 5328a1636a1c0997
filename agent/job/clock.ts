// The Clock port: the only source of time and randomness for code that decides. Beside its first consumer, the job pipeline.

export interface Clock {
  /** Milliseconds since the Unix epoch (wall clock; it may jump). */
  now(): number;
  /** Milliseconds from an arbitrary start that never go back. */
  monotonicMs(): number;
  /** Resolves after `ms` milliseconds. Rejects with the signal's reason when aborted. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
  /** Uniform in [0, 1). */
  random(): number;
}
