// One run: a new world, jobs of every kind, faults one after the other while they are under way, then peace until every job has ended, and the
// judgement.
import { rm } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Findings } from './checker/evidence.ts';
import type { Counts } from './counts.ts';
import { drawFault, type FaultGroup } from './faults.ts';
import { drawJob } from './jobs.ts';
import type { Mutation } from './mutation.ts';
import { faultKinds } from '../support/fault-plan.ts';
import { World } from './world.ts';

export interface RunOptions {
  readonly folder: string;
  readonly seed: string;
  readonly counts: Counts;
  /** Faults to inject, at most. */
  readonly faults: number;
  /** Which groups are still wanted; asked before each fault. */
  readonly groups: () => readonly FaultGroup[];
  readonly only?: string | null;
  readonly mutation?: Mutation | null;
  readonly stuckMs?: number;
}

const jobsAtOnce = 5;
const rowsOfJob: readonly [number, number] = [20, 60];

export interface RunResult {
  readonly findings: Findings;
  readonly folder: string;
}

/** The folder stays only when something was found. */
export async function runWorld(options: RunOptions): Promise<RunResult> {
  const { folder, seed, counts, mutation = null, stuckMs } = options;
  const world = await World.make({
    folder,
    seed,
    mutation,
    ...(stuckMs === undefined ? {} : { stuckMs }),
    onCrash: (point) => counts.crash(point),
    onLinkFault: (kind) => counts.link(kind),
  });
  try {
    world.start('agent');
    await injectAll(world, options);
    await world.heal();
    await world.finished();
    const findings = await world.judge();
    counts.run(findings);
    return { findings, folder };
  } finally {
    countProxies(world, counts);
    await world.stop();
  }
}

/** Starts and stops everything once, in peace: programs that are killed never write what they compiled into NODE_COMPILE_CACHE. */
export async function warmUp(folder: string): Promise<void> {
  const world = await World.make({ folder, seed: 'warm', onCrash: () => undefined, onLinkFault: () => undefined });
  try {
    world.start('agent');
    await world.ask({ kind: 'create_access_key', name: 'warm', rows: 1 });
    await world.finished();
    await world.end('agent', 'SIGTERM');
    await world.end('plane', 'SIGTERM');
  } finally {
    await world.stop();
    await forget(folder);
  }
}

export async function forget(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true });
}

async function injectAll(world: World, { faults, groups, only = null }: RunOptions): Promise<void> {
  const { random } = world;
  await fill(world);
  for (let left = faults; left > 0; left -= 1) {
    const wanted = groups();
    if (wanted.length === 0) return;
    await someWork(world);
    await drawFault(random, wanted, only).inject(world, random);
    world.start('plane');
    world.start('agent');
    if (left % 3 === 0) await fill(world);
  }
}

/** Keeps so many jobs open that every fault meets work under way. */
async function fill(world: World): Promise<void> {
  const open = await world.open();
  for (let missing = jobsAtOnce - open.length; missing > 0; missing -= 1) {
    const id = await world.ask(drawJob(world.random, world.nextName(), rowsOfJob));
    if (world.random.chance(0.05)) await world.cancel(id);
  }
}

/** Until AWS has had some more requests, or for a while. */
async function someWork(world: World): Promise<void> {
  const { endpoint, random } = world;
  const until = endpoint.requests + random.between(1, 50);
  for (let waits = random.between(10, 60); waits > 0 && endpoint.requests < until; waits -= 1) {
    await sleep(25);
    world.start('plane');
    world.start('agent');
  }
}

function countProxies({ planeLink, awsLink }: World, counts: Counts): void {
  for (const kind of faultKinds) {
    counts.link(`control plane link ${kind}`, planeLink.injected[kind]);
    counts.link(`aws link ${kind}`, awsLink.injected[kind]);
  }
}
