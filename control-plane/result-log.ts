// Takes results frames into the store: the entries as the bytes that travelled, checked against the chain, together with the job's state, in one
// transaction for all frames that have come. Acks go out after the commit, never before.
import { type ControlPlaneJob, onResults } from '../protocol/control-plane-job.ts';
import { chainAll } from '../protocol/digest-chain.ts';
import type { FrameToControlPlane } from '../protocol/frames-to-control-plane.ts';
import type { JobId } from '../protocol/ids.ts';
import { jsonFault } from '../protocol/json.ts';
import { limits } from '../protocol/limits.ts';
import { type EntryFacts, entryFacts } from '../protocol/result-envelope.ts';
import { nodeHashing } from '../node/hashing.ts';
import { type FrameOutcome, type SessionContext, done, stale, unknownJob } from './session-context.ts';
import { speaking } from './store/agents.ts';
import { type JobRow, jobByWireId, saveState, stateOf } from './store/jobs.ts';
import type { Queries } from './store/store.ts';
import type { Tables } from './store/tables.ts';

export interface ResultsFrame {
  readonly frame: Extract<FrameToControlPlane, { type: 'results' }>;
  readonly lines: readonly string[];
}

/** Room around an envelope for its row and item numbers. */
const entryOverheadBytes = 128;
/** A row's values come back inside an envelope, a few levels further down. Deeper entries would be stored and then read by nobody. */
const entryDepth = limits.jsonDepth + 8;
const failedOutcomes: ReadonlySet<EntryFacts['outcome']> = new Set(['failed', 'refused', 'unknown']);

/** Stores the frames in order, up to the first that breaks the link. One outcome for each frame that was looked at. */
export async function storeResults(context: SessionContext, frames: readonly ResultsFrame[]): Promise<FrameOutcome[]> {
  const { store, link, watch, identity } = context;
  // An empty frame closes a gap whose entries are gone from both ends.
  const read = frames.map(({ frame, lines }) =>
    lines.length === 0 && frame.after_loss !== undefined ? [] : readEntries(lines),
  );
  const batch: Batch = { jobs: new Map(), changed: new Set(), records: [] };
  const outcomes = await store.transaction(async (tx) => {
    if ((await speaking(tx, identity.agent, identity.counter)) === null) return [stale];
    const made: FrameOutcome[] = [];
    for (const [index, item] of frames.entries()) {
      const outcome = await takeFrame(context, tx, batch, item, read[index] ?? null);
      made.push(outcome);
      if (outcome.kind === 'broken') break;
    }
    await write(tx, batch, context.now());
    return made;
  });
  if (outcomes[0]?.kind === 'stale') return outcomes;
  for (const job of batch.jobs.values()) {
    link.send({ type: 'results.ack', job: job.wire_id, sequence: job.stored, head: job.head });
    watch.notify(job.id);
  }
  return outcomes;
}

/** What the frames of one transaction come to: a record for each frame, and the newest state of each job. */
interface Batch {
  readonly jobs: Map<JobId, JobRow>;
  readonly changed: Set<JobId>;
  readonly records: Tables['results'][];
}

async function takeFrame(
  { identity, emit, store }: SessionContext,
  tx: Queries,
  { jobs, changed, records }: Batch,
  { frame, lines }: ResultsFrame,
  entries: readonly EntryFacts[] | null,
): Promise<FrameOutcome> {
  if (entries === null) return { kind: 'bad', code: 'frame_malformed' };
  const job = jobs.get(frame.job) ?? (await jobByWireId(tx, identity.agent, frame.job));
  if (job === null) return unknownJob;
  if (entries.some(({ row }) => row >= job.rows_total)) return { kind: 'bad', code: 'frame_malformed' };
  const facts = {
    firstSequence: frame.first_sequence,
    count: lines.length,
    head: frame.head,
    afterLoss: frame.after_loss,
  };
  const decision = onResults(stateOf(job), facts, (head, skip) => chainAll(nodeHashing, head, lines.slice(skip)));
  if (decision.kind === 'broken') return decision;
  if (decision.kind === 'known') {
    jobs.set(frame.job, job);
    return done;
  }
  const { next, skip, lost } = decision;
  if (lost > 0) emit('results.lost', { job: job.id, agent: identity.agent, count: lost });
  const [fresh, sequence] = [lines.slice(skip), frame.first_sequence + skip];
  if (fresh.length > 0) {
    const line = store.sealer.seal(job.id, `result ${sequence}`, fresh.join('\n'));
    records.push({ job: job.id, sequence, count: fresh.length, line });
  }
  jobs.set(frame.job, counted(job, next, entries.slice(skip), lost));
  changed.add(frame.job);
  return done;
}

function counted(job: JobRow, next: ControlPlaneJob, entries: readonly EntryFacts[], lost: number): JobRow {
  return {
    ...job,
    phase: next.phase,
    stored: next.stored,
    head: next.head,
    rows_ended: job.rows_ended + entries.filter(({ outcome }) => outcome !== null).length,
    rows_failed: job.rows_failed + entries.filter(({ outcome }) => failedOutcomes.has(outcome)).length,
    results_lost: job.results_lost + lost,
  };
}

async function write(tx: Queries, { jobs, changed, records }: Batch, nowMs: number): Promise<void> {
  if (records.length > 0) await tx.insertInto('results').values(records).execute();
  for (const [id, job] of jobs) {
    if (!changed.has(id)) continue;
    const { rows_ended, rows_failed, results_lost } = job;
    await saveState(tx, job, stateOf(job), { rows_ended, rows_failed, results_lost, nowMs });
  }
}

/** Null when the frame's body is over a limit or a line is no entry, or one that readers would not take. A carriage return would end a line for readers of an event stream. */
function readEntries(lines: readonly string[]): EntryFacts[] | null {
  if (lines.length === 0 || lines.length > limits.resultsEntries) return null;
  const facts: EntryFacts[] = [];
  for (const line of lines) {
    if (line.length > limits.envelopeBytes + entryOverheadBytes || line.includes('\r')) return null;
    const read = entryFacts(parsed(line));
    if (read === null) return null;
    facts.push(read);
  }
  return facts;
}

function parsed(line: string): unknown {
  // On the text: parsing forgets the first of two equal keys, and what was nested in it.
  if (jsonFault(line, entryDepth) !== null) return undefined;
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
