// Answers about jobs as they stand. The same question gets the same answer however often it comes: that is how lost and doubled frames heal.
import type { AgentReply } from '../../protocol/agent-job.ts';
import { type ErrorCode, errorCodes, isRefusal } from '../../protocol/error-codes.ts';
import type { Digest, JobId } from '../../protocol/ids.ts';
import type { EventSink } from '../events.ts';
import type { FrameOut, ResultsOut } from './frame-out.ts';
import type { JobRecord } from './job-record.ts';
import type { Jobs } from './jobs.ts';
import type { StoredJob } from './journal.ts';

const maxDetailChars = 2_000;

export interface AnswersPorts {
  readonly jobs: Jobs;
  readonly out: FrameOut;
  readonly events: EventSink;
  readonly onFault: (error: unknown) => void;
}

export class Answers {
  readonly #ports: AnswersPorts;
  readonly #results: ReadonlyMap<JobId, ResultsOut>;

  constructor(ports: AnswersPorts, results: ReadonlyMap<JobId, ResultsOut>) {
    this.#ports = ports;
    this.#results = results;
  }

  /** For a job that came before, open or not. */
  async stored(stored: StoredJob): Promise<void> {
    const { out, jobs, events } = this.#ports;
    const { phase, tokenDigest } = stored.state;
    events('job.repeated', { job: stored.id, finished: phase === 'finished' || phase === 'closed' });
    const record = jobs.get(stored.id);
    if (record !== undefined) {
      this.give(stored.id, tokenDigest === null ? ['finished'] : ['accepted', 'finished'], record);
    } else if (phase === 'quarantined') this.give(stored.id, ['quarantined'], null);
    else if (phase === 'rejected') await this.#rejectedBefore(stored);
    else {
      if (tokenDigest !== null) out.send({ type: 'job.accepted', job: stored.id, token_digest: tokenDigest });
      if (stored.statement !== null) out.send({ type: 'job.finished', job: stored.id, statement: stored.statement });
    }
  }

  /** "finished" waits for the results before it. */
  give(id: JobId, replies: readonly AgentReply[], record: JobRecord | null): void {
    const { out, onFault } = this.#ports;
    for (const reply of replies) {
      if (reply === 'accepted' && record?.state.tokenDigest) {
        out.send({ type: 'job.accepted', job: id, token_digest: record.state.tokenDigest });
      } else if (reply === 'quarantined') {
        out.send({ type: 'job.quarantined', job: id, code: 'journal_rolled_back' });
      } else if (reply === 'finished') {
        const results = this.#results.get(id);
        results?.repeatFinished();
        results?.pump().catch(onFault);
      }
    }
  }

  rejected(id: JobId | null, digest: Digest, code: ErrorCode, detail: string): void {
    const { out } = this.#ports;
    out.send({ type: 'job.rejected', job: id, token_digest: digest, code, detail: detail.slice(0, maxDetailChars) });
  }

  async #rejectedBefore({ id, claims, state: { tokenDigest, refusal } }: StoredJob): Promise<void> {
    if (tokenDigest === null) return;
    const code = refusal ?? 'internal';
    // The policy's own words name the line to add, so they are worth making again; the code stays what was decided then.
    const again = claims === null ? null : await this.#ports.jobs.allow(claims);
    const detail = isRefusal(again) && again.code === code ? again.detail : errorCodes[code].meaning;
    this.rejected(id, tokenDigest, code, detail);
  }
}
