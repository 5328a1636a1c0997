// Step "frame out": sends one job's durable entries over one session, a bounded number ahead of the acknowledgements, and after the last one
// the signed finished statement. A new session makes new ones; nothing here outlives its link.
import type { FrameToControlPlane } from '../../protocol/frames-to-control-plane.ts';
import type { Digest } from '../../protocol/ids.ts';
import { limits } from '../../protocol/limits.ts';
import type { JobRecord } from './job-record.ts';

export interface FrameOut {
  send(frame: FrameToControlPlane, lines?: readonly string[]): void;
  /** Resolves when the socket has taken enough of what was sent; rejects or stays pending when it is gone. */
  ready(): Promise<void>;
  readonly open: boolean;
}

/** Where a session begins to send; `afterLoss`: the head before `from`, when entries before it are gone from both ends. */
export interface SendFrom {
  readonly from: number;
  readonly afterLoss: Digest | null;
}

/** Entries sent and not yet acknowledged, for each job: more than a page of a listing, so that a page that was late does not make all others late. */
const windowEntries = 2_500;

export class ResultsOut {
  readonly #record: JobRecord;
  readonly #out: FrameOut;
  #sent: number;
  #acked: number;
  /** Set while entries before the next one are gone from both ends: the head that they had. */
  #afterLoss: Digest | null;
  #pumping = false;
  #again = false;
  #finishedSent = false;

  constructor(record: JobRecord, start: SendFrom, out: FrameOut) {
    this.#record = record;
    this.#out = out;
    this.#sent = start.from - 1;
    this.#acked = start.from - 1;
    this.#afterLoss = start.afterLoss;
  }

  acknowledged(sequence: number): void {
    this.#acked = Math.max(this.#acked, sequence);
  }

  /** The finished statement goes (again) once everything before it went. */
  repeatFinished(): void {
    this.#finishedSent = false;
  }

  /** Sends what may be sent now. Calls that come while it runs make it look once more. */
  async pump(): Promise<void> {
    this.#again = true;
    if (this.#pumping) return;
    this.#pumping = true;
    try {
      while (this.#again && this.#out.open) {
        this.#again = false;
        while (await this.#sendSome()) await this.#out.ready();
        this.#sendFinished();
      }
    } finally {
      this.#pumping = false;
    }
  }

  async #sendSome(): Promise<boolean> {
    if (this.#afterLoss !== null && this.#out.open && this.#sent >= this.#record.durableThrough)
      this.#tellLoss(this.#afterLoss);
    const room = windowEntries - (this.#sent - this.#acked);
    if (!this.#out.open || room <= 0 || this.#sent >= this.#record.durableThrough) return false;
    const maxCount = Math.min(room, limits.resultsEntries, this.#record.durableThrough - this.#sent);
    const entries = await this.#record.entriesFrom(this.#sent + 1, {
      maxCount,
      maxBytes: limits.resultsBytes,
    });
    const [first] = entries;
    const last = entries.at(-1);
    if (first === undefined || last === undefined || first.sequence !== this.#sent + 1 || !this.#out.open) return false;
    const loss = this.#afterLoss === null ? {} : { after_loss: this.#afterLoss };
    this.#out.send(
      { type: 'results', job: this.#record.id, first_sequence: first.sequence, head: last.head, ...loss },
      entries.map(({ line }) => line),
    );
    this.#afterLoss = null;
    this.#sent = last.sequence;
    return true;
  }

  /** Nothing is left to send over the gap: an empty frame closes it, or the job could never finish over there. */
  #tellLoss(head: Digest): void {
    this.#afterLoss = null;
    this.#out.send({ type: 'results', job: this.#record.id, first_sequence: this.#sent + 1, head, after_loss: head });
  }

  #sendFinished(): void {
    const { statement, state, id } = this.#record;
    if (this.#finishedSent || statement === null || this.#sent < state.produced || !this.#out.open) return;
    this.#finishedSent = true;
    this.#out.send({ type: 'job.finished', job: id, statement });
  }
}
