// How many jobs and row chunks the control plane may still send in this session. What comes beyond that ends the session: a control plane
// that keeps to the protocol never does it, so the journal is never filled against the host's will.
import { type Credit, grant, noCredit, remaining } from '../../protocol/credit.ts';
import { type Refusal, refuse } from '../../protocol/error-codes.ts';
import type { FrameOut } from './frame-out.ts';
import { type Jobs, maxOpenJobs } from './jobs.ts';

/** Row chunks in the journal whose rows have not ended, over all jobs. */
const maxChunks = 128;

export class Room {
  readonly #jobs: Jobs;
  readonly #out: FrameOut;
  #open = false;
  #draining = false;
  #received: Credit = noCredit;
  #told: Credit = noCredit;

  constructor(jobs: Jobs, out: FrameOut) {
    this.#jobs = jobs;
    this.#out = out;
  }

  /** After welcome: from here on totals count. */
  open(): void {
    this.#open = true;
    this.tell();
  }

  /** No new job is taken any more. */
  close(): void {
    this.#draining = true;
  }

  took(what: keyof Credit): Refusal | undefined {
    this.#received = { ...this.#received, [what]: this.#received[what] + 1 };
    if (this.#received[what] <= this.#told[what]) return undefined;
    return refuse('over_credit', `expected at most ${this.#told[what]} ${what} since welcome`);
  }

  /** Tells the totals when they grew. */
  tell(): void {
    if (!this.#open) return;
    const { open } = this.#jobs;
    const buffered = open.reduce((sum, record) => sum + record.bufferedChunks, 0);
    const room = {
      jobs: this.#draining ? 0 : Math.max(0, maxOpenJobs - open.length),
      chunks: Math.max(0, maxChunks - buffered),
    };
    // As long as half of it is left nobody waits for more, and a job of one row costs no frames of its own.
    const left = remaining(this.#told, this.#received);
    if (left.jobs * 2 > maxOpenJobs && left.chunks * 2 > maxChunks) return;
    const { jobs, chunks } = grant(this.#received, room);
    if (jobs <= this.#told.jobs && chunks <= this.#told.chunks) return;
    this.#told = { jobs: Math.max(jobs, this.#told.jobs), chunks: Math.max(chunks, this.#told.chunks) };
    this.#out.send({ type: 'credit', ...this.#told });
  }
}
