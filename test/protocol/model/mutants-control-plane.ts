// The rules of the control plane's machine, of sessions and of the chain, each with the edit that takes it away (see mutants.ts).
import type { JobBoundsName } from './bounds.ts';
import type { JobMutant } from './mutant.ts';

const controlPlane = (rule: string, bounds: JobBoundsName, find: string, replace: string): JobMutant => ({
  rule,
  bounds,
  find,
  replace,
  file: 'control-plane-job.ts',
});

export const controlPlaneMutants: readonly JobMutant[] = [
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
