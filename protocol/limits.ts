// Numbers that both ends must share. Each is enforced before memory is given to what it limits.

export const limits = {
  /** One WebSocket message, UTF-8 bytes (`maxPayload` on both ends). */
  frameBytes: 1024 * 1024,
  /** A job token as it stands in a `job` frame. A chunk of rows takes about 121 bytes of it (docs/decisions/0015-*). */
  tokenBytes: 768 * 1024,
  /** Any other signed object (session, pairing answer, key-set step, finished statement). */
  smallTokenBytes: 16 * 1024,
  /** One row of a job, serialised. */
  rowBytes: 256 * 1024,
  /** Row bytes of one `rows` frame. */
  chunkBytes: 256 * 1024,
  /** Rows of one `rows` frame. */
  chunkRows: 1_000,
  /** One envelope, serialised. */
  envelopeBytes: 512 * 1024,
  /** Entry bytes of one `results` frame, and their number. */
  resultsBytes: 256 * 1024,
  resultsEntries: 250,
  /** Nesting of any JSON that is signed or a row. */
  jsonDepth: 64,
  /** Rows of one job. */
  jobRows: 5_000_000,
  /** The longest `row_deadline_seconds`: the same as the longest life of a job. */
  rowDeadlineSeconds: 30 * 86_400,
  /** Longest time between `iat` and `exp` of a job token. */
  tokenLifetimeMs: 10 * 60_000,
  /** How far two clocks may differ before a token is early or late. */
  clockSkewMs: 2 * 60_000,
  /** Longest life of a session token. */
  sessionTokenLifetimeMs: 60_000,
  /** A pairing code's life. */
  pairingCodeLifetimeMs: 15 * 60_000,
  /** Row chunks that may be asked for again before a job's rows count as not the signed ones. */
  chunkRetries: 3,
  /** Jobs of one `hello` or `welcome`. */
  jobsPerAgent: 500,
} as const;
