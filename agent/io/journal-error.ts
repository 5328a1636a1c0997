// What a journal throws. Never a refusal: whoever gets one of these lost the ground under its promises.

export type JournalFault =
  /** The journal was closed. */
  | 'closed'
  /** This commit, or one before it, did not reach the disk; nothing more is written until a restart. */
  | 'failed'
  /** A stored value does not open: it was changed outside this program. */
  | 'damaged';

export class JournalError extends Error {
  readonly kind: JournalFault;

  constructor(kind: JournalFault, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'JournalError';
    this.kind = kind;
  }
}

/** What reading a damaged value gives: our own finding, or an integer that no number holds, which node:sqlite throws for. */
export function isDamage(error: unknown): error is Error {
  if (error instanceof JournalError) return error.kind === 'damaged';
  return error instanceof RangeError && 'code' in error && error.code === 'ERR_OUT_OF_RANGE';
}
