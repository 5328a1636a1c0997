// The row chunks that one session still owes, job by job in turn, each job's in order. It holds numbers only: rows are read from the store one
// chunk at a time, when there is credit for it.
import type { JobId } from '../protocol/ids.ts';
import type { SessionContext } from './session-context.ts';
import { type JobRow, chunkBody } from './store/jobs.ts';

export class RowPush {
  readonly #context: SessionContext;
  /** Insertion order is the turn: a job that was served goes to the back. */
  readonly #next = new Map<JobId, { job: JobRow; chunk: number }>();

  constructor(context: SessionContext) {
    this.#context = context;
  }

  /** Rows from chunk `from` on; an agent that asks for a chunk again is sent all after it too. */
  start(job: JobRow, from: number): void {
    if (Number.isFinite(from)) this.#next.set(job.id, { job, chunk: from });
  }

  drop(job: JobId): void {
    this.#next.delete(job);
  }

  /** Sends one chunk. False: none is owed. */
  async sendNext(): Promise<boolean> {
    const { store, link } = this.#context;
    for (;;) {
      const [turn] = this.#next.values();
      if (turn === undefined) return false;
      const { job, chunk } = turn;
      // Counted up before the read: a request that comes meanwhile sets it back and wins.
      this.#next.delete(job.id);
      this.#next.set(job.id, { job, chunk: chunk + 1 });
      const body = await chunkBody(store.db, job.id, chunk);
      if (body === null) {
        if (this.#next.get(job.id)?.chunk === chunk + 1) this.#next.delete(job.id);
        continue;
      }
      link.send({ type: 'rows', job: job.wire_id, chunk }, [store.sealer.open(job.id, `rows ${chunk}`, body)]);
      return true;
    }
  }
}
