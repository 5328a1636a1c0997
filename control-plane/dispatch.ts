// What one session sends on its own: job tokens and row chunks, never more than the agent gave credit for. A token is signed only when there is
// credit for it, is stored before it is sent, and the same bytes go again after a reconnect.
import {
  type ControlPlaneJob,
  onCancelRequest,
  onDispatch,
  onHello,
  queuedJob,
} from '../protocol/control-plane-job.ts';
import { type Credit, noCredit, onCredit, remaining } from '../protocol/credit.ts';
import { chainStart } from '../protocol/digest-chain.ts';
import type { JobId } from '../protocol/ids.ts';
import { jobInputsSchema } from '../protocol/job-claims.ts';
import { tokenDigest } from '../protocol/job-token.ts';
import { limits } from '../protocol/limits.ts';
import { faultOf } from './events.ts';
import { nodeHashing } from '../node/hashing.ts';
import { RowPush } from './row-push.ts';
import type { SessionContext } from './session-context.ts';
import { claimsOf } from './sign-job.ts';
import { speaking } from './store/agents.ts';
import {
  type JobRow,
  chunkBody,
  countUnfinished,
  jobById,
  jobChunks,
  jobInputs,
  jobToken,
  nextQueued,
  saveState,
  stateOf,
} from './store/jobs.ts';
import type { Queries, Store } from './store/store.ts';

/** A token that no agent can accept any more, whatever its clock says within the stated skew. */
export function tokenExpired(job: JobRow, nowMs: number): boolean {
  return job.token_exp !== null && nowMs > job.token_exp * 1_000 + 2 * limits.clockSkewMs;
}

/** The same work under a new id, for the next dispatch. */
export async function requeue(tx: Queries, job: JobRow, wireId: JobId, nowMs: number): Promise<void> {
  const next = queuedJob(chainStart(nodeHashing, wireId));
  await saveState(tx, job, next, { wire_id: wireId, token: null, token_exp: null, nowMs });
}

/** A job that was never signed and came to its latest start ends like one that was cancelled, but says why. */
export async function expireQueued(store: Store, id: JobId, nowMs: number): Promise<boolean> {
  return store.transaction(async (tx) => {
    const job = await jobById(tx, id);
    if (job === null || job.phase !== 'queued' || job.not_after > nowMs) return false;
    await saveExpired(tx, job, nowMs);
    return true;
  });
}

async function saveExpired(tx: Queries, job: JobRow, nowMs: number): Promise<void> {
  const next: ControlPlaneJob = { ...onCancelRequest(stateOf(job)).next, cancelRequested: false, refusal: 'expired' };
  await saveState(tx, job, next, { nowMs });
}

interface Signed {
  readonly kind: 'signed';
  readonly job: JobRow;
  readonly token: string;
  readonly rows: string | null;
}

export class Dispatch {
  readonly #context: SessionContext;
  readonly #rows: RowPush;
  readonly #resend: JobId[] = [];
  /** Jobs whose only chunk of rows went with their token. */
  readonly #whole = new Set<JobId>();
  #granted: Credit = noCredit;
  #sent: Credit = noCredit;
  #pumping: Promise<void> | null = null;
  #again = false;
  #draining = false;
  /** False: no job was queued at the last look, and none came since. */
  #mayBeQueued = true;
  /** A job waits because too many are open. */
  #full = false;

  constructor(context: SessionContext) {
    this.#context = context;
    this.#rows = new RowPush(context);
  }

  credit(told: Credit): void {
    const left = remaining(this.#granted, this.#sent);
    this.#granted = onCredit(this.#granted, told);
    // Where credit was left nothing waits for more.
    if (left.jobs <= 0 || left.chunks <= 0) this.pump();
  }

  /** A job may have been made, or the agent may be served again. */
  wake(): void {
    this.#mayBeQueued = true;
    this.pump();
  }

  /** A job of the agent has ended. */
  ended(job: JobId): void {
    this.#whole.delete(job);
    this.#rows.drop(job);
    // An agent is given a limited number of open jobs: one place is free now.
    if (this.#full) this.wake();
  }

  /** The agent takes no new job; rows of those that it has still go. */
  drain(): void {
    this.#draining = true;
  }

  resend(job: JobId): void {
    this.#resend.push(job);
  }

  /** The agent has the job: its rows follow, unless they went with it. */
  accepted(job: JobRow): void {
    if (!this.#whole.delete(job.id)) this.pushRows(job, 0);
  }

  pushRows(job: JobRow, from: number): void {
    this.#rows.start(job, from);
    this.pump();
  }

  /** Sends what credit and the socket allow; called whenever either, or the work, may have grown. */
  pump(): void {
    this.#again = true;
    this.#pumping ??= this.#run().finally(() => {
      this.#pumping = null;
      // Asked again between the last look and here.
      if (this.#again && this.#context.link.open) this.pump();
    });
  }

  /** Resolves when nothing of it touches the store any more; only after the link has closed. */
  async settled(): Promise<void> {
    await this.#pumping;
  }

  async #run(): Promise<void> {
    const { link, emit, identity } = this.#context;
    try {
      while (this.#again && link.open) {
        this.#again = false;
        while (link.open && ((await this.#sendToken()) || (await this.#sendChunk()))) await link.drained();
      }
    } catch (error) {
      emit('server.fault', { name: 'session', agent: identity.agent, fault: faultOf(error) });
      link.close({ kind: 'protocol_error', code: 'internal' });
    }
  }

  async #sendToken(): Promise<boolean> {
    if (this.#draining || remaining(this.#granted, this.#sent).jobs <= 0) return false;
    const again = this.#resend.shift();
    if (again !== undefined) return this.#sendAgain(again);
    return this.#mayBeQueued && this.#sendNext();
  }

  /** True: look again. */
  async #sendAgain(id: JobId): Promise<boolean> {
    const { store, now, newJobId, emit, identity } = this.#context;
    const sent = await store.transaction(async (tx) => {
      const agent = await speaking(tx, identity.agent, identity.counter);
      const job = await jobById(tx, id);
      if (agent === null || job === null) return null;
      // Waiting for credit took time: a token that has died meanwhile is not sent.
      const decision = onHello(stateOf(job), undefined, { expired: tokenExpired(job, now()) });
      if (decision.kind === 'requeue') {
        await requeue(tx, job, newJobId(), now());
        this.#mayBeQueued = true;
        emit('job.requeued', { job: id, agent: identity.agent });
      }
      if (agent.conflict_counter !== null) return null;
      const token = decision.kind === 'send_token' ? await jobToken(tx, id) : null;
      return token === null ? null : { job, token, rows: await this.#onlyChunk(tx, id, await jobChunks(tx, id)) };
    });
    if (sent !== null) this.#send(sent.job, store.sealer.open(id, 'token', sent.token), sent.rows);
    return true;
  }

  /** True: look again. Signed and stored in one transaction, which is the one that makes the job if its maker woke us in it. */
  async #sendNext(): Promise<boolean> {
    const { store, emit, watch, identity } = this.#context;
    const next = await store.transaction((tx) => this.#signNext(tx));
    if (next === null) return false;
    if (next.kind === 'signed') this.#send(next.job, next.token, next.rows);
    else {
      watch.notify(next.job.id);
      emit('job.ended', { job: next.job.id, agent: identity.agent, code: 'expired' });
    }
    return true;
  }

  async #signNext(tx: Queries): Promise<Signed | { kind: 'expired'; job: JobRow } | null> {
    const { store, keys, now, identity } = this.#context;
    this.#mayBeQueued = false;
    const speaker = await speaking(tx, identity.agent, identity.counter);
    if (speaker === null || speaker.conflict_counter !== null) return null;
    const found = await nextQueued(tx, identity.agent);
    if (found === null) return null;
    this.#full = (await countUnfinished(tx, identity.agent)) >= limits.jobsPerAgent;
    if (this.#full) return null;
    const { job, more } = found;
    this.#mayBeQueued ||= more;
    if (job.not_after <= now()) {
      await saveExpired(tx, job, now());
      return { kind: 'expired', job };
    }
    const chunks = await jobChunks(tx, job.id);
    const claims = claimsOf(job, {
      controlPlane: keys.controlPlane,
      inputs: jobInputsSchema.parse(JSON.parse(store.sealer.open(job.id, 'inputs', await jobInputs(tx, job.id)))),
      chunks,
      iat: Math.floor(now() / 1_000),
    });
    const token = keys.signJob(claims);
    const next = onDispatch(stateOf(job), tokenDigest(nodeHashing, token));
    if (next === null) return null;
    const sealed = store.sealer.seal(job.id, 'token', token);
    await saveState(tx, job, next, { token: sealed, token_exp: claims.exp, nowMs: now() });
    return { kind: 'signed', job, token, rows: await this.#onlyChunk(tx, job.id, chunks) };
  }

  /** Rows that are one chunk go right behind the token if there is credit: that saves the way to `job.accepted` and back. */
  async #onlyChunk(db: Queries, job: JobId, chunks: readonly unknown[]): Promise<string | null> {
    if (chunks.length !== 1 || remaining(this.#granted, this.#sent).chunks <= 0) return null;
    const body = await chunkBody(db, job, 0);
    return body === null ? null : this.#context.store.sealer.open(job, 'rows 0', body);
  }

  #send(job: JobRow, token: string, rows: string | null): void {
    const { link, emit, identity } = this.#context;
    this.#sent = { ...this.#sent, jobs: this.#sent.jobs + 1 };
    link.together(() => {
      link.send({ type: 'job', token });
      if (rows === null) return;
      this.#sent = { ...this.#sent, chunks: this.#sent.chunks + 1 };
      this.#whole.add(job.id);
      link.send({ type: 'rows', job: job.wire_id, chunk: 0 }, [rows]);
    });
    emit('job.sent', { job: job.id, agent: identity.agent });
  }

  async #sendChunk(): Promise<boolean> {
    if (remaining(this.#granted, this.#sent).chunks <= 0) return false;
    const sent = await this.#rows.sendNext();
    if (sent) this.#sent = { ...this.#sent, chunks: this.#sent.chunks + 1 };
    return sent;
  }
}
