// Step "frame in": what each frame of the control plane does. Frames of one session are handled one after the other, but for rows, which share the
// commit of a job that came just before them; every answer is sent after what it promises is on disk. What a session owes is made new at each
// welcome; nothing durable lives here.
import { decodeFrameToAgent } from '../../protocol/codec.ts';
import { type Refusal, isRefusal, refuse } from '../../protocol/error-codes.ts';
import type { FrameToAgent } from '../../protocol/frames-to-agent.ts';
import type { Digest, JobId } from '../../protocol/ids.ts';
import { protocolVersion } from '../../protocol/version.ts';
import { ResultsOut, type SendFrom } from './frame-out.ts';
import type { JobRecord } from './job-record.ts';
import type { JobClaims } from '../../protocol/job-claims.ts';
import { Answers } from './answers.ts';
import { Bell } from './bell.ts';
import type { StoredJob } from './journal.ts';
import type { Plan } from './plan.ts';
import { ProgressReports } from './progress.ts';
import { Room } from './room.ts';
import type { SessionPorts } from './session-ports.ts';
import { verifyToken } from './verify.ts';
import { resumeJobs } from './welcome.ts';

/** Malformed frames before the link is closed. */
const maxBadFrames = 20;

type FrameOf<T extends FrameToAgent['type']> = Extract<FrameToAgent, { type: T }>;
type Verdict = Refusal | undefined;

export class Session {
  readonly #ports: SessionPorts;
  readonly #results = new Map<JobId, ResultsOut>();
  readonly #room: Room;
  readonly #answers: Answers;
  readonly #acknowledged = new Bell();
  readonly #progress = new ProgressReports();
  #welcomed = false;
  #badFrames = 0;
  /** A job on its way to the disk. Only rows do not wait for it: those that came right behind it share its commit. One that failed stays: nothing is said any more. */
  #accepting: Promise<void> | null = null;

  constructor(ports: SessionPorts) {
    this.#ports = ports;
    this.#room = new Room(ports.jobs, ports.out);
    this.#answers = new Answers(ports, this.#results);
  }

  hello(): void {
    const { out, introduction, trust, jobs } = this.#ports;
    const unfinished = jobs.open.filter(({ state }) => state.phase !== 'closed');
    const held = unfinished.map(({ id, state }) => ({
      job: id,
      token_digest: state.tokenDigest,
      next_chunk: state.nextChunk < state.chunks ? state.nextChunk : null,
      last_sequence: state.produced,
    }));
    out.send({ ...introduction, key_set_version: trust.keySet.version, jobs: held });
  }

  /** No new job is asked for any more. */
  drain(): void {
    this.#room.close();
    if (this.#welcomed) this.#ports.out.send({ type: 'draining' });
  }

  /** Something that is on disk here is not acknowledged yet; false before the welcome, when nothing can be sent. */
  get owesResults(): boolean {
    const owed = ({ state, statement }: JobRecord): boolean =>
      state.phase !== 'closed' && (state.acked < state.produced || statement !== null);
    return this.#welcomed && this.#ports.jobs.open.some(owed);
  }

  /** Resolves when something more was acknowledged, or the link is gone. */
  acknowledged(): Promise<void> {
    return this.#acknowledged.wait();
  }

  /** The link is gone. */
  over(): void {
    this.#acknowledged.ring();
  }

  /** Resolves when the job that came last is on disk, or will not be. */
  async settled(): Promise<void> {
    await this.#accepting?.catch(() => undefined);
  }

  /** Handles one message. A refusal closes the link. */
  async message(text: string): Promise<Verdict> {
    const decoded = decodeFrameToAgent(text);
    if (decoded.kind === 'unknown_type') {
      // A newer control plane may say more than this version understands.
      this.#ports.events('link.frame_ignored', { unknownTypes: 1 });
      return undefined;
    }
    if (decoded.kind === 'refused') {
      const { code } = decoded;
      this.#badFrames += 1;
      this.#ports.events('link.frame_refused', { code, bytes: text.length });
      return this.#badFrames > maxBadFrames
        ? refuse(code, `more than ${maxBadFrames} frames could not be read`)
        : undefined;
    }
    const { frame, lines, unknownFields } = decoded;
    if (unknownFields > 0) this.#ports.events('link.frame_ignored', { unknownFields });
    if (this.#welcomed === (frame.type === 'welcome')) {
      return refuse(
        'frame_unexpected',
        this.#welcomed ? 'a second welcome' : `expected welcome first, found ${frame.type}`,
      );
    }
    return this.#dispatch(frame, lines);
  }

  /** A job has something new that is durable. */
  advanced(record: JobRecord): void {
    if (!this.#welcomed) return;
    this.#pump(record.id);
    this.#room.tell();
  }

  progress(): void {
    if (!this.#welcomed) return;
    const { jobs, callWaits, time, out } = this.#ports;
    for (const frame of this.#progress.frames(jobs.open, callWaits(), time.nowMs())) out.send(frame);
  }

  async #dispatch(frame: FrameToAgent, lines: readonly string[]): Promise<Verdict> {
    if (frame.type !== 'rows') await this.#accepting;
    switch (frame.type) {
      case 'welcome':
        return this.#onWelcome(frame);
      case 'job':
        return this.#onJob(frame.token);
      case 'rows':
        return this.#onRows(frame, lines);
      case 'results.ack':
        return this.#onAck(frame);
      case 'job.finished.ack':
        return this.#onFinishedAck(frame);
      case 'cancel':
        return this.#onCancel(frame.job);
      case 'keys':
        return this.#onKeys(frame.step);
      case 'reconnect':
        this.#ports.onReconnect(frame.within_ms);
        return undefined;
      default:
        return frame satisfies never;
    }
  }

  async #onWelcome(frame: FrameOf<'welcome'>): Promise<Verdict> {
    if (frame.protocol !== protocolVersion) {
      return refuse(
        'frame_unexpected',
        `expected protocol ${protocolVersion}, the control plane speaks ${frame.protocol}`,
      );
    }
    for (const step of frame.key_set_steps) await this.#onKeys(step);
    await resumeJobs(frame.jobs, {
      ...this.#ports,
      answers: this.#answers,
      send: (record, start) => this.#send(record, start),
    });
    for (const { job, cancel } of frame.jobs) if (cancel) await this.#onCancel(job);
    this.#welcomed = true;
    if (this.#ports.drain.aborted) this.drain();
    this.#ports.onWelcome(frame);
    this.#ports.jobs.start();
    for (const id of this.#results.keys()) this.#pump(id);
    this.#room.open();
    return undefined;
  }

  async #onJob(token: string): Promise<Verdict> {
    const { jobs, hashing, time, trust } = this.#ports;
    const over = this.#room.took('jobs');
    if (over !== undefined) return over;
    const find = (id: JobId): Promise<StoredJob | null> => jobs.find(id);
    const verdict = await verifyToken(token, { trust: trust.now(), hashing, nowMs: time.nowMs(), find });
    if (verdict.kind === 'known') await this.#answers.stored(verdict.job);
    else if (verdict.kind === 'rejected') await this.#reject(verdict, verdict.refusal, verdict.job);
    else {
      const plan = await jobs.allow(verdict.claims);
      if (isRefusal(plan)) await this.#reject({ digest: verdict.digest, verified: verdict }, plan, verdict.claims.jti);
      else {
        this.#accepting = this.#accept(verdict, plan);
        this.#accepting.catch(this.#ports.onFault);
        return undefined;
      }
    }
    this.#room.tell();
    return undefined;
  }

  async #accept(
    { claims, kid, digest }: { claims: JobClaims; kid: string; digest: Digest },
    plan: Plan,
  ): Promise<void> {
    const { jobs } = this.#ports;
    const record = await jobs.accept(claims, kid, digest, plan);
    this.#send(record, { from: 1, afterLoss: null });
    this.#answers.give(record.id, ['accepted'], record);
    jobs.start();
    this.#room.tell();
    this.#accepting = null;
  }

  async #reject(
    rejected: { digest: Digest; verified: { claims: JobClaims; kid: string } | null },
    refusal: Refusal,
    id: JobId | null,
  ): Promise<void> {
    const { digest, verified } = rejected;
    if (verified !== null) await this.#ports.jobs.reject(verified.claims, verified.kid, digest, refusal.code);
    else this.#ports.events('job.refused', { job: id ?? undefined, code: refusal.code });
    this.#answers.rejected(id, digest, refusal.code, refusal.detail);
  }

  async #onRows(frame: FrameOf<'rows'>, lines: readonly string[]): Promise<Verdict> {
    const over = this.#room.took('chunks');
    if (over !== undefined) return over;
    const record = this.#ports.jobs.get(frame.job);
    if (record !== undefined) {
      const decision = await this.#ports.jobs.rows(record, frame.chunk, lines);
      await this.#accepting;
      if (decision === 'request')
        this.#ports.out.send({ type: 'rows.request', job: record.id, chunk: record.state.nextChunk });
    }
    this.#room.tell();
    return undefined;
  }

  async #onAck(frame: FrameOf<'results.ack'>): Promise<Verdict> {
    const record = this.#ports.jobs.get(frame.job);
    if (record === undefined) return undefined;
    const problem = await this.#ports.jobs.acknowledged(record, frame);
    if (problem === 'head_mismatch')
      this.#ports.events('results.disputed', { job: frame.job, sequence: frame.sequence });
    if (problem === 'quarantined') this.#answers.give(frame.job, ['quarantined'], null);
    const results = this.#results.get(frame.job);
    results?.acknowledged(Math.min(frame.sequence, record.state.acked));
    this.#acknowledged.ring();
    this.#pump(frame.job);
    return undefined;
  }

  async #onFinishedAck(frame: FrameOf<'job.finished.ack'>): Promise<Verdict> {
    const record = this.#ports.jobs.get(frame.job);
    if (record === undefined) return undefined;
    await this.#ports.jobs.closed(record, frame.head);
    if (record.state.phase === 'closed') this.#results.delete(record.id);
    this.#acknowledged.ring();
    this.#room.tell();
    return undefined;
  }

  async #onCancel(id: JobId): Promise<Verdict> {
    const replies = await this.#ports.jobs.cancel(id);
    const record = this.#ports.jobs.get(id);
    if (record === undefined) {
      const stored = await this.#ports.jobs.find(id);
      if (stored !== null) await this.#answers.stored(stored);
      return undefined;
    }
    if (!this.#results.has(id)) this.#send(record, { from: record.state.acked + 1, afterLoss: null });
    this.#answers.give(id, replies ?? [], record);
    return undefined;
  }

  async #onKeys(step: string): Promise<Verdict> {
    const applied = await this.#ports.trust.apply(step);
    if (isRefusal(applied)) {
      this.#ports.events('keys.refused', { code: applied.code });
      return undefined;
    }
    this.#ports.events('keys.stepped', { keySetVersion: applied.keySet.version });
    for (const kid of applied.revoked) await this.#ports.jobs.revokeKey(kid);
    return undefined;
  }

  #pump(id: JobId): void {
    this.#results.get(id)?.pump().catch(this.#ports.onFault);
  }

  #send(record: JobRecord, start: SendFrom): void {
    this.#results.set(record.id, new ResultsOut(record, start, this.#ports.out));
  }
}
