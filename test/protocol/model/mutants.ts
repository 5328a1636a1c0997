// Every rule of the machines, each with an edit of the real source that takes it away. The model must find each of them out: a rule whose absence
// nobody notices is either not needed or not tested.
import type { CreditBoundsName, JobBoundsName } from './bounds.ts';
import type { RuleFile } from './rules.ts';
import type { Habit } from './world.ts';

interface Edit {
  readonly rule: string;
  readonly file: RuleFile;
  /** Stands exactly once in the file. */
  readonly find: string;
  readonly replace: string;
}
export interface JobMutant extends Edit {
  readonly bounds: JobBoundsName;
}
export interface CreditMutant extends Edit {
  readonly bounds: CreditBoundsName;
}

const agent = (rule: string, bounds: JobBoundsName, find: string, replace: string): JobMutant => ({
  rule,
  bounds,
  find,
  replace,
  file: 'agent-job.ts',
});
const controlPlane = (rule: string, bounds: JobBoundsName, find: string, replace: string): JobMutant => ({
  rule,
  bounds,
  find,
  replace,
  file: 'control-plane-job.ts',
});

export const jobMutants: readonly JobMutant[] = [
  agent(
    'an ack deletes only under our head',
    'damage',
    "if (headAt(ack.sequence) !== ack.head) return { kind: 'head_mismatch' };",
    '',
  ),
  agent(
    'an ack of more than was made quarantines',
    'damage',
    "if (ack.sequence > job.produced) return { kind: 'quarantine', next: quarantine(job) };",
    '',
  ),
  agent('an old ack is ignored', 'links', ' || ack.sequence <= job.acked', ''),
  agent(
    'a known id with another token is replayed',
    'damage',
    "if (job.tokenDigest !== null && job.tokenDigest !== digest) return 'replayed';",
    '',
  ),
  agent(
    'a tombstone answers its token',
    'damage and cancel',
    'if (job.tokenDigest !== null && job.tokenDigest !== digest)',
    'if (job.tokenDigest !== digest)',
  ),
  agent(
    'a cancel before the token leaves a tombstone',
    'cancel',
    '{ ...withoutToken(chainStart), cancelled: true }',
    "{ ...withoutToken(chainStart), phase: 'accepted', cancelled: true }",
  ),
  agent('a refusal is durable', 'policy changes', "phase: 'rejected', refusal };", 'refusal };'),
  agent('a row chunk has the signed digest', 'damage', ' || !digestMatches', ''),
  agent('row chunks are stored in order', 'damage', 'chunk > job.nextChunk || ', ''),
  agent('a row chunk is stored once', 'links', ' || chunk < job.nextChunk)', ')'),
  agent('finished only with the last row', 'links', 'endedRows === job.rows', 'endedRows > 0'),
  agent(
    'welcome: more there than here quarantines',
    'rollback',
    "if (sequence > job.produced) return { kind: 'quarantine', next: quarantine(job) };",
    "if (sequence > job.produced) return { kind: 'nothing' };",
  ),
  agent(
    'welcome: something else there quarantines',
    'damage',
    "if (stored !== undefined && head !== stored.head) return { kind: 'quarantine', next: quarantine(job) };",
    '',
  ),
  agent(
    'welcome: a job without record is quarantined',
    'rollback',
    "{ kind: 'unknown', next: lostRecord(stored.head) }",
    "{ kind: 'nothing' }",
  ),
  agent(
    'welcome: a lost record is kept as quarantined',
    'rollback and cancel',
    'return quarantine(withoutToken(head));',
    'return withoutToken(head);',
  ),
  agent(
    'welcome: results lost there are not a rollback here',
    'results lost',
    "if (sequence < job.acked) return { kind: 'resume', next: job, from: job.acked + 1, lost: true, replies };",
    '',
  ),
  agent(
    'welcome: a quarantined job is reported again',
    'rollback',
    "if (job.phase === 'quarantined' && stored !== undefined) return { kind: 'quarantine', next: job };",
    '',
  ),
  agent(
    'welcome: a closed job is told again',
    'results lost',
    " && !(job.phase === 'closed' && stored !== undefined)",
    '',
  ),
  agent(
    'a finished job is told again',
    'links',
    "['finished'] : ['accepted', 'finished']",
    "['finished'] : ['accepted']",
  ),
  agent(
    'a cancelled job starts no row',
    'cancel',
    'return { next: { ...job, cancelled: true }, replies: [] };',
    'return { next: job, replies: [] };',
  ),
  agent(
    'only an accepted job runs',
    'rollback',
    "return job.phase === 'accepted' && !job.cancelled;",
    'return !job.cancelled;',
  ),
  agent(
    'a cancelled job does not run',
    'cancel',
    "return job.phase === 'accepted' && !job.cancelled;",
    "return job.phase === 'accepted';",
  ),
  agent('closed only under our head', 'damage', ' || head !== job.head) return null;', ') return null;'),
  agent(
    'closed only when finished',
    'damage',
    "job === undefined || job.phase !== 'finished' || head",
    'job === undefined || head',
  ),
  controlPlane(
    'a cancelled job is not dispatched again',
    'cancel',
    "if (job.cancelRequested) return { kind: 'send_cancel' };",
    '',
  ),
  controlPlane(
    'hello: held counts only with our token',
    'damage and refusal',
    'if (held !== undefined && held.tokenDigest === job.tokenDigest)',
    'if (held !== undefined)',
  ),
  controlPlane(
    'requeue only after the token expired',
    'expiry',
    "return token.expired ? { kind: 'requeue' }",
    "return job !== undefined ? { kind: 'requeue' }",
  ),
  controlPlane(
    'requeue when the token expired',
    'expiry',
    "return token.expired ? { kind: 'requeue' } : { kind: 'send_token' };",
    "return token.expired ? { kind: 'nothing' } : { kind: 'send_token' };",
  ),
  controlPlane(
    'an accepted job gets no second token',
    'rollback',
    "if (job.phase === 'accepted' || held !== undefined)",
    'if (held !== undefined)',
  ),
  controlPlane(
    'accepted only with our token',
    'damage and refusal',
    "job.phase === 'sent' && job.tokenDigest === tokenDigest ? { ...job, phase: 'accepted' }",
    "job.phase === 'sent' ? { ...job, phase: 'accepted' }",
  ),
  controlPlane(
    'rejected only with our token',
    'damage',
    "job.phase === 'sent' && job.tokenDigest === tokenDigest ? { ...job, phase: 'rejected', refusal }",
    "job.phase === 'sent' || job.phase === 'accepted' ? { ...job, phase: 'rejected', refusal }",
  ),
  controlPlane(
    'a finished job is not quarantined',
    'rollback',
    "job.phase === 'sent' || job.phase === 'accepted' ? { ...job, phase: 'quarantined', refusal }",
    "{ ...job, phase: 'quarantined', refusal }; return job.phase === 'sent' ? job",
  ),
  controlPlane('results that are stored are known', 'links', "if (last <= job.stored) return { kind: 'known' };", ''),
  controlPlane(
    'a gap closes the link',
    'damage',
    "return { kind: 'broken', code: 'frame_unexpected' };",
    "return { kind: 'known' };",
  ),
  controlPlane(
    'results must fit the chain',
    'damage',
    "if (chain(from, skip) !== frame.head) return { kind: 'broken', code: 'frame_malformed' };",
    '',
  ),
  controlPlane(
    'after a loss the chain starts again where the agent says',
    'results lost',
    '? frame.afterLoss : job.head',
    '? job.head : job.head',
  ),
  controlPlane('finished only at the last sequence', 'damage', 'statement.lastSequence !== job.stored || ', ''),
  controlPlane(
    'finished only under the same head',
    'damage',
    ' || statement.head !== job.head) return null;',
    ') return null;',
  ),
  controlPlane(
    'finished only for our token',
    'damage',
    'if (statement.tokenDigest !== job.tokenDigest && !tombstone) return null;',
    '',
  ),
  controlPlane(
    'a tombstone ends only a cancelled job',
    'damage',
    'statement.tokenDigest === null && job.cancelRequested',
    'statement.tokenDigest === null',
  ),
  controlPlane(
    'a repeated last word is acknowledged again',
    'links',
    " && job.phase !== 'finished') return null;",
    ') return null;',
  ),
  controlPlane(
    'a job cancelled in the queue has ended',
    'cancel',
    "if (job.phase === 'queued')\n",
    'if (job === undefined)\n',
  ),
  {
    rule: 'a session counter is larger than the last',
    bounds: 'rollback',
    file: 'session.ts',
    find: 'counter > stored ?',
    replace: 'counter >= stored ?',
  },
  {
    rule: 'an older session is not heard',
    bounds: 'links',
    file: 'session.ts',
    find: 'return counter === stored;',
    replace: 'return true;',
  },
  {
    rule: 'the chain covers the entries before',
    bounds: 'damage',
    file: 'digest-chain.ts',
    find: '`${head}\\n${line}`',
    replace: 'line',
  },
];

export const creditMutants: readonly CreditMutant[] = [
  {
    rule: 'the larger total is the newer one',
    bounds: 'one job of room',
    file: 'credit.ts',
    find: 'return { jobs: Math.max(known.jobs, told.jobs), chunks: Math.max(known.chunks, told.chunks) };',
    replace: 'return told;',
  },
  {
    rule: 'what was sent is used up',
    bounds: 'room for both',
    file: 'credit.ts',
    find: 'chunks: granted.chunks - sent.chunks',
    replace: 'chunks: granted.chunks',
  },
  {
    rule: 'jobs that were sent are used up',
    bounds: 'one job of room',
    file: 'credit.ts',
    find: 'jobs: granted.jobs - sent.jobs',
    replace: 'jobs: granted.jobs',
  },
  {
    rule: 'a job is granted with a chunk beside it',
    bounds: 'one chunk of room',
    file: 'credit.ts',
    find: 'Math.min(room.jobs, room.chunks)',
    replace: 'room.jobs',
  },
  {
    rule: 'chunk totals are cumulative',
    bounds: 'one chunk of room',
    file: 'credit.ts',
    find: 'received.chunks + room.chunks',
    replace: 'room.chunks',
  },
  {
    rule: 'job totals are cumulative',
    bounds: 'one job of room',
    file: 'credit.ts',
    find: 'received.jobs + Math',
    replace: 'Math',
  },
];

/** Duties of the programs around the machines, each left out in the environment instead of in a source. */
export const brokenHabits: readonly { readonly habit: Habit; readonly bounds: JobBoundsName }[] = [
  { habit: 'agent commits before it replies', bounds: 'crashes' },
  { habit: 'rows wait for the first welcome', bounds: 'rollback' },
  { habit: 'intent before effect', bounds: 'crashes' },
  { habit: 'a row with an intent is not repeated', bounds: 'crashes' },
  { habit: 'refusals are stored', bounds: 'policy changes' },
  { habit: 'tombstones are stored', bounds: 'damage and cancel' },
  { habit: 'control plane commits before it acks', bounds: 'crashes' },
  { habit: 'counter is raised on disk before the dial', bounds: 'crashes' },
  { habit: 'a reused counter blocks until cleared', bounds: 'rollback' },
  { habit: 'stale links are not read by the agent', bounds: 'slow clock' },
  { habit: 'an empty results frame reports the loss', bounds: 'results lost' },
  { habit: 'broken results close the link', bounds: 'damage' },
];
