// Every fault that a campaign injects, as a table: what it is called, and how a world does it. What really happened is counted by whoever did it
// (the world, the proxies, the endpoint), not here.
import type { Effect, Fault, Plan } from '../support/fault-plan.ts';
import { requestFaults } from './endpoint.ts';
import { relayFaults } from './link-relay.ts';
import type { CrashPoint, ProgramName } from './programs.ts';
import type { Random } from './random.ts';
import type { World } from './world.ts';

export type FaultGroup = 'crashes' | 'links';

interface FaultRow {
  readonly name: string;
  readonly group: FaultGroup;
  /** How often it is drawn beside the others of its group. */
  readonly weight: number;
  readonly inject: (world: World, random: Random) => Promise<void>;
}

const places: Readonly<Record<ProgramName, readonly CrashPoint['place'][]>> = {
  agent: ['commit', 'commit', 'send', 'request', 'answer'],
  plane: ['commit', 'commit', 'send'],
};

/** A point that a program under load reaches within a second or two. */
function drawCrashPoint(name: ProgramName, random: Random): CrashPoint {
  const place = random.pick(places[name]);
  return { place, when: random.pick(['before', 'after']), nth: random.between(2, place === 'commit' ? 60 : 30) };
}

/** Half of the starts after a crash have the next crash in them. */
function start(world: World, name: ProgramName, random: Random): void {
  world.start(name, random.chance(0.5) ? drawCrashPoint(name, random) : null);
}

async function killAtRandom(world: World, name: ProgramName, random: Random): Promise<void> {
  await world.kill(name, 'at random');
  start(world, name, random);
}

async function killBoth(world: World, random: Random): Promise<void> {
  await Promise.all([world.kill('agent', 'with its control plane'), world.kill('plane', 'with its agent')]);
  start(world, 'plane', random);
  start(world, 'agent', random);
}

/** Killed in the moment in which AWS has the request, or has carried it out and not answered. */
async function killAtAws(
  world: World,
  hook: 'onNextRequest' | 'onNextEffect',
  random: Random,
  beforeStart: () => Promise<void> = async () => undefined,
): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const why = hook === 'onNextRequest' ? 'when AWS has the request' : 'when AWS has carried it out';
  world.endpoint[hook] = () => void world.kill('agent', why).then(() => resolve());
  await Promise.race([promise, sleepMs(2_000)]);
  world.endpoint[hook] = null;
  await beforeStart();
  start(world, 'agent', random);
}

/** A change that AWS carried out is not "cancelled", whatever came while the agent was away. */
function killThenCancel(world: World, random: Random): Promise<void> {
  return killAtAws(world, 'onNextEffect', random, async () => {
    for (const { job, status } of await world.open()) if (status === 'running') await world.cancel(job);
  });
}

const crashes: readonly Omit<FaultRow, 'group'>[] = [
  { name: 'agent at random', weight: 5, inject: (world, random) => killAtRandom(world, 'agent', random) },
  { name: 'control plane at random', weight: 3, inject: (world, random) => killAtRandom(world, 'plane', random) },
  { name: 'stop', weight: 1, inject: stopAgent },
  { name: 'both', weight: 1, inject: killBoth },
  { name: 'agent, request at AWS', weight: 2, inject: (world, random) => killAtAws(world, 'onNextRequest', random) },
  { name: 'agent, effect at AWS, then cancelled', weight: 1, inject: killThenCancel },
  { name: 'agent, effect at AWS', weight: 2, inject: (world, random) => killAtAws(world, 'onNextEffect', random) },
];

/** The frames of both directions that a fault can wait for. */
const frames = {
  toServer: ['hello', 'job.accepted', 'results', 'job.finished', 'credit'],
  toClient: ['welcome', 'job', 'rows', 'results.ack', 'job.finished.ack'],
} as const;

function drawStrike(random: Random): Effect {
  return random.pick<Effect>([
    { kind: 'truncate' },
    { kind: 'reset' },
    { kind: 'half_open' },
    { kind: 'stall', forMs: random.between(100, 2_500) },
    { kind: 'delay', ms: random.between(5, 60) },
    { kind: 'slow', bytesPerSecond: random.between(5_000, 50_000) },
  ]);
}

const wholeFrame = 1_048_576;

/** A fault in a named frame of the next link: lost whole, torn, doubled, or the link ends around it. */
function drawFrameFault(random: Random): Fault {
  const direction = random.pick(['toServer', 'toClient'] as const);
  const frame = random.pick(frames[direction]);
  const place = { direction, frame, nth: random.chance(0.6) ? 1 : random.between(2, 8) };
  const torn = random.chance(0.5) ? 0 : random.between(1, 40);
  return random.pick<Fault>([
    { ...place, byte: torn, kind: 'reset' },
    { ...place, byte: torn, kind: 'truncate' },
    { ...place, byte: 0, kind: 'half_open' },
    { ...place, byte: 0, kind: 'stall', forMs: random.between(100, 2_500) },
    { ...place, byte: 0, kind: 'duplicate', bytes: wholeFrame },
    { ...place, byte: 0, kind: 'drop', bytes: wholeFrame },
    { ...place, byte: torn, kind: 'drop', bytes: random.between(1, 8) },
    { ...place, byte: torn, kind: 'duplicate', bytes: random.between(1, 8) },
  ]);
}

/** What TCP cannot do to a frame is followed by an end of the link, as a middle that does it would be found out. */
const unending: ReadonlySet<string> = new Set(['duplicate', 'drop']);

async function faultInFrame(world: World, random: Random): Promise<void> {
  const fault = drawFrameFault(random);
  // Several links may come while it waits for its frame; the first of them has it.
  let planned = false;
  world.planeLink.plan((): Plan => {
    if (planned) return {};
    planned = true;
    return { faults: [fault] };
  });
  world.planeLink.strike('toServer', { kind: 'reset' });
  if (!unending.has(fault.kind)) return;
  await sleepMs(random.between(600, 1_500));
  world.planeLink.strike('toServer', { kind: 'truncate' });
}

/** A cancel overtakes its job's token. If it did, nothing of the job may run. */
async function lateToken(world: World): Promise<void> {
  const held = Promise.withResolvers<string>();
  const released = Promise.withResolvers<boolean>();
  world.relay.onHeld = held.resolve;
  world.relay.onReleased = released.resolve;
  world.relay.arm('late_token');
  await world.askSmall();
  const job = await Promise.race([held.promise, sleepMs(2_000)]);
  if (typeof job === 'string') {
    await world.cancel(job);
    if ((await Promise.race([released.promise, sleepMs(2_500)])) === true) world.require(job, ['cancelled']);
  }
  world.relay.disarm();
}

/** Changes have a connection of their own each, so this meets one soon. */
async function resetAtConnect(world: World, random: Random): Promise<void> {
  let left = random.between(1, 3);
  world.awsLink.plan((): Plan => {
    left -= 1;
    return left >= 0 ? { connect: 'reset' } : {};
  });
}

/** No crash, but the other way for a process to end with work under way. */
async function stopAgent(world: World, random: Random): Promise<void> {
  await world.end('agent', 'SIGTERM');
  start(world, 'agent', random);
}

async function relayFault(world: World, fault: (typeof relayFaults)[number], random: Random): Promise<void> {
  world.relay.arm(fault);
  await sleepMs(random.between(200, 600));
  if (fault === 'forged_ack') world.planeLink.strike('toServer', { kind: 'reset' });
}

async function refuseDials(world: World, random: Random): Promise<void> {
  const link = random.pick([world.planeLink, world.awsLink]);
  link.refuse(random.between(100, 900));
  for (const connection of link.open) connection.destroy();
}

const links: readonly Omit<FaultRow, 'group'>[] = [
  {
    name: 'strike',
    weight: 5,
    inject: async (world, random) => world.planeLink.strike(random.pick(['toServer', 'toClient']), drawStrike(random)),
  },
  { name: 'frame', weight: 6, inject: faultInFrame },
  { name: 'refuse', weight: 1, inject: refuseDials },
  {
    name: 'aws strike',
    weight: 2,
    inject: async (world, random) =>
      world.awsLink.strike(
        random.pick(['toServer', 'toClient']),
        random.pick<Effect>([
          { kind: 'truncate' },
          { kind: 'reset' },
          { kind: 'stall', forMs: random.between(50, 900) },
        ]),
      ),
  },
  {
    name: 'aws request',
    weight: 5,
    inject: async (world, random) => world.endpoint.arm(random.pick(requestFaults), random.chance(0.7)),
  },
  { name: 'aws connect', weight: 1, inject: resetAtConnect },
  { name: 'late token', weight: 1, inject: lateToken },
  { name: 'replayed token', weight: 1, inject: (world, random) => relayFault(world, 'replayed_token', random) },
  { name: 'forged ack', weight: 1, inject: (world, random) => relayFault(world, 'forged_ack', random) },
];

const faultTable: readonly FaultRow[] = [
  ...crashes.map((row) => ({ ...row, group: 'crashes' as const })),
  ...links.map((row) => ({ ...row, group: 'links' as const })),
];

export function drawFault(random: Random, groups: readonly FaultGroup[], only: string | null): FaultRow {
  const rows = faultTable.filter(({ group, name }) => groups.includes(group) && (only === null || name.includes(only)));
  const total = rows.reduce((sum, { weight }) => sum + weight, 0);
  let at = random.next() * total;
  for (const row of rows) {
    at -= row.weight;
    if (at < 0) return row;
  }
  throw new Error(`no fault is called ${only ?? groups.join(' ')}`);
}

async function sleepMs(ms: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, ms));
}
