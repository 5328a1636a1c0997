// The rules of the agent's machine, each with the edit that takes it away (see mutants.ts).
import type { JobBoundsName } from './bounds.ts';
import type { JobMutant } from './mutant.ts';

const agent = (rule: string, bounds: JobBoundsName, find: string, replace: string): JobMutant => ({
  rule,
  bounds,
  find,
  replace,
  file: 'agent-job.ts',
});

export const agentMutants: readonly JobMutant[] = [
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
];
