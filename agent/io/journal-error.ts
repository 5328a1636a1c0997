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
