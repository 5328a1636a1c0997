// What must hold in every state of the job model. Each has a name that the tests print.
import { rowEnds } from './agent-steps.ts';
import type { AgentRecord, Setting, World } from './world.ts';

export function brokenProperty(setting: Setting, world: World): string | null {
  if (world.ghost.fault !== null) return world.ghost.fault;
  return (
    effectsFault(world) ??
    prefixFault(world) ??
    deletionFault(world) ??
    acceptedFault(world) ??
    rowEndFault(setting, world) ??
    alarmFault(world)
  );
}

function effectsFault(world: World): string | null {
  if (world.ghost.unseenRollback) return null;
  return Array.from(world.ghost.effects).some((count) => Number(count) > 1)
    ? 'a call is made at most once a row'
    : null;
}

function quarantined(world: World, record: AgentRecord | null): boolean {
  return record?.job.phase === 'quarantined' || world.cp.job.phase === 'quarantined' || world.cp.blocked;
}

function prefixFault(world: World): string | null {
  const record = world.disk.jobs[world.cp.id] ?? null;
  if (quarantined(world, record) || world.cp.lossKnown) return null;
  if (world.ghost.rolledBack && (!world.memory.resumed || record === null)) return null;
  if (world.ghost.rolledBack && world.cp.job.phase === 'finished') return null;
  return (record?.log ?? '').startsWith(world.cp.log)
    ? null
    : 'the control plane holds a prefix of what the agent made';
}

function deletionFault(world: World): string | null {
  const record = world.disk.jobs[world.cp.id] ?? null;
  if (record === null || world.ghost.resultsLost || record.job.phase === 'quarantined') return null;
  if (record.job.acked > world.cp.job.stored) return 'only stored entries are deleted';
  if (record.job.phase === 'closed' && world.cp.job.phase !== 'finished') return 'closed only when finished there';
  return null;
}

function acceptedFault(world: World): string | null {
  if (world.cp.job.phase !== 'accepted' || world.ghost.rolledBack) return null;
  const phase = world.disk.jobs[world.cp.id]?.job.phase;
  return phase === undefined || phase === 'rejected' ? 'accepted there means durable here' : null;
}

/** A finished job has one row_end for each row; no job ever has two. */
function rowEndFault(setting: Setting, world: World): string | null {
  const { cp } = world;
  const tombstone = cp.byTombstone || cp.job.tokenDigest === null;
  const complete = cp.job.phase === 'finished' && !tombstone && !cp.lossKnown;
  for (let row = 0; row < setting.rows; row += 1) {
    const ends = Object.values(rowEnds).map((letters) => letters[row] ?? '');
    const count = Array.from(cp.log).filter((letter) => ends.includes(letter)).length;
    if (count > 1 || (complete && count !== 1)) return 'exactly one row_end for each row';
  }
  return null;
}

function alarmFault(world: World): string | null {
  const { ghost, cp } = world;
  const known = ghost.rolledBack || ghost.tampered;
  const phases = [cp.job.phase, ...world.disk.jobs.map((record) => record?.job.phase)];
  if (phases.includes('quarantined') && !known) return 'quarantine only after a rollback';
  if (cp.blocked && !ghost.rolledBack) return 'a session is refused only after a rollback';
  if (cp.lossKnown && !ghost.resultsLost) return 'a loss is recorded only after one';
  return null;
}

/** Nothing is left to do on either side, or an operator has to look. */
export function hasEnded(world: World): boolean {
  if (world.cp.blocked) return true;
  const { phase } = world.cp.job;
  if (phase !== 'finished' && phase !== 'rejected' && phase !== 'quarantined') return false;
  return world.disk.jobs.every(
    (record) => record === null || ['closed', 'rejected', 'quarantined'].includes(record.job.phase),
  );
}
