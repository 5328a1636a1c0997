// The agent's disk goes back in time: a copy of its state directory is put back after the control plane has stored newer results. An operator clears
// the conflict that the old session counter makes. Then every job that is behind must be quarantined, and nothing of it may run.
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Findings } from './checker/evidence.ts';
import type { Counts } from './counts.ts';
import type { JobKindName } from './jobs.ts';
import type { Mutation } from './mutation.ts';
import { World } from './world.ts';
import { copyState } from '../support/copy-state.ts';

const kinds: readonly JobKindName[] = ['create_user', 'create_access_key', 'list_users'];
const rowsOfJob = 150;
const waitMs = 180_000;

export async function rollback(options: {
  readonly folder: string;
  readonly seed: string;
  readonly counts: Counts;
  readonly mutation?: Mutation | null;
  readonly stuckMs?: number;
}): Promise<Findings> {
  const { counts, ...rest } = options;
  const world = await World.make({
    ...rest,
    onCrash: (point) => counts.crash(point),
    onLinkFault: (kind) => counts.link(kind),
  });
  try {
    world.start('agent');
    const jobs = await Promise.all(
      kinds.map((kind) => world.ask({ kind, name: `back-${kind.replaceAll('_', '-')}`, rows: rowsOfJob })),
    );
    await stored(world, (sequence) => sequence > 20);
    await world.kill('agent', 'before a copy of its disk');
    const copy = join(world.folder, 'copy');
    await copyState(world.host.stateDir, copy);
    const before = await world.states();
    world.start('agent');
    // What was made and not yet stored when the copy was taken is far less than this.
    await stored(world, (sequence, job) => sequence > (before.find((one) => one.job === job)?.last_sequence ?? 0) + 60);
    await world.kill('agent', 'before its disk goes back');
    await rm(world.host.stateDir, { recursive: true });
    await copyState(copy, world.host.stateDir);
    for (const job of jobs) world.allow(job, ['quarantined']);
    world.start('agent');
    const over = new AbortController();
    await Promise.race([clearConflicts(world, over.signal), world.finished()]).finally(() => over.abort());
    const findings = await world.judge();
    counts.run(findings);
    return findings;
  } finally {
    await world.stop();
  }
}

/** Until it holds for each job, or the job has ended. */
async function stored(world: World, enough: (sequence: number, job: string) => boolean): Promise<void> {
  for (const until = Date.now() + waitMs; Date.now() < until; await sleep(20)) {
    const behind = (await world.open()).filter(({ job, last_sequence }) => !enough(last_sequence, job));
    if (behind.length === 0) return;
  }
  throw new Error('the jobs do not come on');
}

/** The operator looks and clears, until it is over. */
async function clearConflicts(world: World, over: AbortSignal): Promise<void> {
  while (!over.aborted) {
    const { agents } = (await (await world.api('/api/v1/agents')).json()) as { agents: { status: string }[] };
    if (agents[0]?.status === 'conflict') await world.api('/api/v1/agents/host-1/clear', { method: 'POST' });
    await sleep(200);
  }
}
