// What each job needs after a welcome: go on where the control plane is, send again what it lost, or stop because the journal went back in
// time. No job runs after a start of the process before this was answered.
import { onWelcome } from '../../protocol/agent-job.ts';
import type { Digest, JobId } from '../../protocol/ids.ts';
import type { StoredView } from '../../protocol/frames-to-agent.ts';
import type { EventSink } from '../events.ts';
import type { Answers } from './answers.ts';
import type { SendFrom } from './frame-out.ts';
import type { JobRecord } from './job-record.ts';
import type { Jobs } from './jobs.ts';
import type { Journal } from './journal.ts';

export interface WelcomePorts {
  readonly jobs: Jobs;
  readonly journal: Journal;
  readonly events: EventSink;
  readonly answers: Answers;
  /** Sends the job's results in this session, from there on. */
  readonly send: (record: JobRecord, start: SendFrom) => void;
}

export async function resumeJobs(views: readonly StoredView[], ports: WelcomePorts): Promise<void> {
  // Entries of acknowledgements that still wait for the disk are not here any more: they must not be found below and be gone when they are sent.
  if (ports.jobs.open.length > 0) await ports.journal.commit([]);
  const byJob = new Map(views.map((view) => [view.job, view]));
  const unopened = views.filter(({ job }) => ports.jobs.get(job) === undefined);
  for (const record of ports.jobs.open) await resume(record, byJob.get(record.id), ports);
  for (const { job, last_sequence, head } of unopened) {
    await resumeUnopened(job, { sequence: last_sequence, head }, ports);
  }
}

async function resume(record: JobRecord, view: StoredView | undefined, ports: WelcomePorts): Promise<void> {
  const { jobs, events, answers } = ports;
  const stored = view && { sequence: view.last_sequence, head: view.head };
  // The head first: rows end while it is looked up, and the decision must be about the state that they left.
  const headAt = await record.headAt(stored?.sequence ?? 0);
  const decision = onWelcome(record.state, stored, headAt);
  if (decision.kind === 'nothing') jobs.letGo(record);
  if (decision.kind === 'quarantine') {
    await jobs.quarantine(record, decision.next);
    answers.give(record.id, ['quarantined'], null);
  }
  if (decision.kind !== 'resume') return;
  if (decision.lost) events('results.disputed', { job: record.id, code: 'results_lost_at_control_plane' });
  if (decision.next !== record.state) await record.become(decision.next);
  const wanted = (stored?.sequence ?? 0) + 1;
  ports.send(
    record,
    decision.lost ? await afterLoss(record, wanted, ports.journal) : { from: decision.from, afterLoss: null },
  );
  if (decision.replies.includes('accepted')) answers.give(record.id, ['accepted'], record);
}

/** The control plane counts a job as ours that is not open here: closed long ago, rejected, or gone with a journal that went back in time. */
async function resumeUnopened(id: JobId, view: { sequence: number; head: Digest }, ports: WelcomePorts): Promise<void> {
  const { jobs, answers } = ports;
  const stored = await jobs.find(id);
  const decision = onWelcome(stored?.state, view, () => undefined);
  if (stored === null) {
    if (decision.kind === 'unknown') await jobs.lost(id, decision.next);
    answers.give(id, ['quarantined'], null);
  } else if (stored.state.phase === 'closed' && decision.kind === 'resume') {
    await resume(
      await jobs.reopen(stored),
      { job: id, last_sequence: view.sequence, head: view.head, cancel: false },
      ports,
    );
  } else await answers.stored(stored);
}

/** Entries that the control plane lost: those still on the host go again; over a gap the head before the first of them is named. */
async function afterLoss(record: JobRecord, wanted: number, journal: Journal): Promise<SendFrom> {
  const held = await journal.firstHeld(record.id, wanted);
  if (held === wanted) return { from: wanted, afterLoss: null };
  const { acked, ackedHead, produced, head } = record.state;
  if (held === null) return { from: produced + 1, afterLoss: head };
  if (held - 1 === acked) return { from: held, afterLoss: ackedHead };
  // The head before the first kept entry went with the entry before it: that entry's own head is known, so sending begins after it.
  return { from: held + 1, afterLoss: (await journal.headAt(record.id, held)) ?? head };
}
