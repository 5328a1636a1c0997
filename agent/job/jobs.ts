// All open jobs of this agent, whatever the link does: recovery, acceptance, rejection, cancel, running, closing. What a session says goes
// through here to the journal; what became durable is told to whoever sends.
import * as job from '../../protocol/agent-job.ts';
import { chainStart, chunkDigest } from '../../protocol/digest-chain.ts';
import { type ErrorCode, type Refusal, isRefusal, refuse } from '../../protocol/error-codes.ts';
import type { Hashing } from '../../protocol/hashing.ts';
import type { Digest, JobId } from '../../protocol/ids.ts';
import type { JobClaims } from '../../protocol/job-claims.ts';
import { limits } from '../../protocol/limits.ts';
import type { Connection } from '../connection.ts';
import type { EventSink } from '../events.ts';
import type { IamCaller } from '../iam/iam-caller.ts';
import type { Clock } from './clock.ts';
import { jobCaller } from './job-caller.ts';
import { finishedFields, type FinishedFacts, JobRecord } from './job-record.ts';
import type { Journal, StoredJob } from './journal.ts';
import type { Plan } from './plan.ts';
import { Spool, type SpoolState } from './spool.ts';
import type { TrustedTime } from './trusted-time.ts';
import { Turns } from './turns.ts';

export interface JobsPorts {
  readonly journal: Journal;
  readonly hashing: Hashing;
  readonly clock: Clock;
  readonly time: TrustedTime;
  readonly caller: IamCaller;
  readonly events: EventSink;
  readonly connections: ReadonlyMap<string, Connection>;
  readonly sign: (facts: FinishedFacts) => string;
  /** Bytes of unacknowledged entries beyond which no row starts. */
  readonly spoolQuotaBytes: number;
  /** How long envelopes of calls that change something stay readable on the host after they were delivered. */
  readonly keepDeliveredMs: number;
  /** How long a closed or rejected job is remembered after its last moment: until its token has expired its id must not run again. */
  readonly rememberMs: number;
  readonly onFault: (error: unknown) => void;
  /** Aborted when no row may start any more. */
  readonly drain: AbortSignal;
  /** Aborted when calls under way are to be cut off, but for those that change something. */
  readonly signal: AbortSignal;
}

/** Open jobs at once, finished ones that were not acknowledged included. */
export const maxOpenJobs = 100;

export class Jobs {
  readonly #open = new Map<JobId, JobRecord>();
  readonly #running = new Map<JobId, Promise<void>>();
  /** Shared with local runs: changes of one user go one after the other, whoever asks for them. */
  readonly turns = new Turns();
  readonly #ports: JobsPorts;
  readonly #spool: Spool;
  // Both are loaded with the first job: they are most of what the daemon would hold while it has none.
  #policy: Promise<typeof import('./allow-job.ts')> | null = null;
  #runner: Promise<typeof import('./run-job.ts')> | null = null;
  /** Whoever sends: told when a job has something new and durable. */
  onDurable: (record: JobRecord) => void = () => undefined;

  constructor(ports: JobsPorts) {
    this.#ports = ports;
    const callsAtOnce = [...ports.connections.values()].reduce((sum, { limits: { inFlight } }) => sum + inFlight, 0);
    const onRoom = (): void => this.#wakeAll();
    this.#spool = new Spool({ ...ports, quotaBytes: ports.spoolQuotaBytes, callsAtOnce, onRoom });
  }

  get spool(): SpoolState {
    return this.#spool.state;
  }

  /** Reads the open jobs back. None runs before the control plane has said what it holds of them (`start`). */
  async recover(): Promise<void> {
    for (const stored of await this.#ports.journal.openJobs())
      if (stored.state.phase !== 'quarantined') this.#add(stored, await this.#planOf(stored));
  }

  get open(): readonly JobRecord[] {
    return [...this.#open.values()];
  }

  get(id: JobId): JobRecord | undefined {
    return this.#open.get(id);
  }

  async find(id: JobId): Promise<StoredJob | null> {
    return this.#ports.journal.job(id);
  }

  async allow(claims: JobClaims): Promise<Plan | Refusal> {
    const { allowJob } = await (this.#policy ??= import('./allow-job.ts'));
    return allowJob(claims, this.#ports.connections);
  }

  /** Durable acceptance: after this the job will end with one row_end for each row. */
  async accept(claims: JobClaims, kid: string, digest: Digest, plan: Plan): Promise<JobRecord> {
    const stored = this.#stored(claims.jti, job.acceptJob(this.#facts(claims, digest)), claims, kid);
    const record = this.#add(stored, plan);
    await this.#ports.journal.commit([
      { kind: 'job', job: stored },
      { kind: 'high_water', atMs: stored.receivedAt },
    ]);
    const { action, connection } = claims;
    this.#ports.events('job.accepted', { job: claims.jti, action, connection, rows: claims.rows.count });
    return record;
  }

  async reject(claims: JobClaims, kid: string, digest: Digest, code: ErrorCode): Promise<void> {
    // Only what tells the policy's answer again: a refused job could bring a quarter of a megabyte of templates, and any number could come.
    const kept = { ...claims, inputs: {}, rows: { count: 0, chunks: [] } };
    const stored = this.#stored(claims.jti, job.rejectJob(this.#facts(claims, digest), code), kept, kid);
    await this.#ports.journal.commit([
      { kind: 'job', job: stored },
      { kind: 'high_water', atMs: stored.receivedAt },
    ]);
    this.#ports.events('job.refused', { job: claims.jti, code });
  }

  /** Leaves a tombstone for a job that is not known yet. Null when there are too many already. */
  async cancel(id: JobId): Promise<readonly job.AgentReply[] | null> {
    const record = this.#open.get(id);
    const known = record?.state ?? (await this.find(id))?.state;
    if (known === undefined && this.#open.size >= limits.jobsPerAgent) return null;
    const { next, replies } = job.onCancel(known, chainStart(this.#ports.hashing, id));
    this.#ports.events('job.cancelled', { job: id, known: known !== undefined });
    if (record !== undefined) await record.become(next);
    else if (known === undefined) {
      const stored = this.#stored(id, next, null, null);
      const tombstone = this.#add(stored, null);
      await this.#ports.journal.commit([{ kind: 'job', job: stored }]);
      await tombstone.finish();
    }
    return replies;
  }

  /** Ends the unfinished work that a revoked key had signed. */
  async revokeKey(kid: string): Promise<void> {
    for (const record of this.open)
      if (record.kid === kid && record.state.phase === 'accepted') await this.cancel(record.id);
  }

  async quarantine(record: JobRecord, next: job.AgentJob): Promise<void> {
    this.#open.delete(record.id);
    await record.become(next);
    this.#ports.events('job.quarantined', { job: record.id, code: next.refusal ?? undefined });
  }

  /** A closed job whose results the control plane lost: open for this session, so that they can go again. */
  async reopen(stored: StoredJob): Promise<JobRecord> {
    return this.#add(stored, await this.#planOf(stored));
  }

  /** Ends what `reopen` began, once the control plane has the last word of the job again or no longer asks for it. */
  letGo(record: JobRecord): void {
    if (record.state.phase === 'closed') this.#open.delete(record.id);
  }

  /** Keeps a quarantined record of a job that only the control plane remembers. */
  async lost(id: JobId, next: job.AgentJob): Promise<void> {
    await this.#ports.journal.commit([{ kind: 'job', job: this.#stored(id, next, null, null) }]);
    this.#ports.events('job.quarantined', { job: id, code: next.refusal ?? undefined });
  }

  /** What to do with a chunk of rows that came; `request` asks for another one first. */
  async rows(record: JobRecord, chunk: number, lines: readonly string[]): Promise<job.RowsDecision['kind']> {
    const signed = record.claims?.rows.chunks[chunk];
    const matches = signed?.rows === lines.length && chunkDigest(this.#ports.hashing, lines) === signed.digest;
    if (!job.mayRun(record.state)) return 'ignore';
    const decision = job.onRows(record.state, chunk, matches);
    if (decision.kind === 'store') await record.storeRows(decision.next, record.firstRowOf(chunk), lines);
    if (decision.kind === 'request' && !matches && chunk === record.state.nextChunk) {
      record.badChunks += 1;
      if (record.badChunks > limits.chunkRetries) {
        const detail = `row chunk ${chunk} came ${record.badChunks} times and never was the signed one`;
        record.refuseRows(refuse('rows_digest_mismatch', detail));
        return 'ignore';
      }
    }
    return decision.kind;
  }

  /** Entries up to `sequence` are stored at the control plane under `head`. Returns what could not be so; does not wait for the disk. */
  async acknowledged(
    record: JobRecord,
    ack: { sequence: number; head: Digest },
  ): Promise<'head_mismatch' | 'quarantined' | null> {
    // The head first: rows end while it is looked up, and the decision must be about the state that they left.
    const headAt = await record.headAt(ack.sequence);
    const decision = job.onAck(record.state, ack, headAt);
    if (decision.kind === 'head_mismatch') return 'head_mismatch';
    if (decision.kind === 'quarantine') {
      await this.quarantine(record, decision.next);
      return 'quarantined';
    }
    if (decision.kind === 'delete') {
      this.#forget(record, decision.next, decision.through).catch(this.#ports.onFault);
    }
    return null;
  }

  async #forget(record: JobRecord, next: job.AgentJob, through: number): Promise<void> {
    await record.acknowledge(next, this.#acked(record, through));
    this.#ports.events('results.acknowledged', { job: record.id, sequence: through });
    await this.#spool.changed();
  }

  async closed(record: JobRecord, head: Digest): Promise<void> {
    const next = job.onFinishedAck(record.state, head);
    if (next === null) {
      this.letGo(record);
      return;
    }
    await record.become(next, [this.#acked(record, record.state.produced)]);
    this.letGo(record);
    await this.#spool.changed();
    this.#ports.events('job.closed', { job: record.id, entries: record.state.produced });
    this.onDurable(record);
  }

  /** Runs what may run. Called after every welcome and every acceptance. */
  start(): void {
    for (const record of this.#open.values()) {
      if (this.#running.has(record.id) || record.state.phase === 'closed' || this.#ports.drain.aborted) continue;
      const work = this.#run(record)
        .catch(this.#ports.onFault)
        .finally(() => this.#running.delete(record.id));
      this.#running.set(record.id, work);
    }
  }

  /** False before the control plane said what it holds of the job, and after its last row. */
  isRunning(id: JobId): boolean {
    return this.#running.has(id);
  }

  /** Resolves when no row is under way any more. */
  async idle(): Promise<void> {
    await Promise.all(this.#running.values());
  }

  #wakeAll(): void {
    for (const record of this.#open.values()) record.changed.ring();
  }

  async #run(record: JobRecord): Promise<void> {
    const { events, time } = this.#ports;
    if (record.statement !== null) return;
    if (record.state.phase === 'accepted') {
      const { runJob } = await (this.#runner ??= import('./run-job.ts'));
      const caller = jobCaller(this.#ports.caller, record);
      const ports = { ...this.#ports, caller, turns: this.turns, nowMs: time.running(), spool: this.#spool };
      await runJob(record, ports);
    }
    if (record.state.phase !== 'finished') return;
    await record.finish();
    events('job.finished', finishedFields(record, time.nowMs()));
  }

  async #planOf({ claims }: StoredJob): Promise<Plan | Refusal | null> {
    return claims === null ? null : this.allow(claims);
  }

  #add(stored: StoredJob, plan: Plan | Refusal | null): JobRecord {
    const { journal, hashing, sign, onFault } = this.#ports;
    const onDurable = (changed: JobRecord): void => {
      this.onDurable(changed);
      this.#spool.changed().catch(onFault);
    };
    const record = new JobRecord(stored, plan, { journal, hashing, onDurable, sign, onFault });
    this.#open.set(stored.id, record);
    return record;
  }

  #acked(record: JobRecord, through: number) {
    const { plan } = record;
    const changes = plan !== null && !isRefusal(plan) && plan.action.repeat !== 'safe';
    const keepUntil = changes ? this.#ports.clock.now() + this.#ports.keepDeliveredMs : null;
    return { kind: 'entries_acked', job: record.id, through, keepUntil } as const;
  }

  #facts(claims: JobClaims, digest: Digest): job.TokenFacts {
    const { count: rows, chunks } = claims.rows;
    return { digest, rows, chunks: chunks.length, chainStart: chainStart(this.#ports.hashing, claims.jti) };
  }

  #stored(id: JobId, state: job.AgentJob, claims: JobClaims | null, kid: string | null): StoredJob {
    const receivedAt = this.#ports.time.nowMs();
    // Once its token has expired, the id cannot come again.
    const expiresAt = claims === null ? receivedAt + limits.tokenLifetimeMs : claims.exp * 1000;
    const forgetAt = expiresAt + this.#ports.rememberMs;
    return { id, state, claims, kid, outcomes: {}, statement: null, receivedAt, forgetAt };
  }
}
