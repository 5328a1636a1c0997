// The bounds of the local socket. Apart from wire.ts, whose schemas a daemon that nobody asks does without.
export const localLimits = {
  /** Headers of a request. */
  headerBytes: 4 * 1024,
  headersMs: 5_000,
  /** The first line of `exec`: action and templates. */
  headBytes: 512 * 1024,
  headMs: 10_000,
  connections: 64,
  /** Local runs at once. */
  runs: 16,
  /** Runs of one list. */
  listedRuns: 1_000,
} as const;
