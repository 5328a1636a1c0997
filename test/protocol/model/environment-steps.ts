// What the world around both programs may do: carry, lose, delay, double, swap and damage frames, end processes, put an old disk back.
import type { Step } from './explorer.ts';
import { handleAtAgent, headAt, heldViews } from './agent-side.ts';
import { effect } from './agent-steps.ts';
import { controlPlaneCrash, handleAtControlPlane } from './control-plane-side.ts';
import {
  type Budget,
  type Down,
  type Link,
  type Setting,
  type Stale,
  type Up,
  type World,
  freshMemory,
  ids,
  tokenOf,
} from './world.ts';
import type { Digest } from '../../../protocol/ids.ts';

const spend = (world: World, what: keyof Budget): Budget => ({ ...world.budget, [what]: world.budget[what] - 1 });
const tampered = (world: World): World => ({ ...world, ghost: { ...world.ghost, tampered: true } });

/** The link is gone; what the agent had sent may still arrive at the control plane. */
function unlinked(setting: Setting, world: World): World[] {
  const { link } = world;
  const base: World = {
    ...world,
    link: null,
    memory: { ...world.memory, welcomed: false },
    staleDown: setting.broken.has('stale links are not read by the agent') ? (link?.down ?? []) : [],
  };
  if (link === null || link.up.length === 0) return [base];
  const late: Stale = { counter: link.counter, superseded: false, up: link.up };
  return [
    { ...base, stale: null },
    { ...base, stale: late },
  ];
}

function crashed(setting: Setting, world: World): World[] {
  return unlinked(setting, { ...world, budget: spend(world, 'agentCrashes') }).map((next) => ({
    ...next,
    memory: freshMemory(setting.rows),
  }));
}

export function environmentSteps(setting: Setting, world: World): Step<World>[] {
  const steps: Step<World>[] = [];
  const fault = (label: string, ...worlds: World[]): void => {
    for (const to of worlds) steps.push({ label, to, fault: true });
  };
  const { budget, link } = world;
  if (link === null && !world.cp.blocked)
    steps.push({ label: 'agent connects', to: connect(setting, world), fault: false });
  if (link !== null) {
    steps.push(...carryDown(setting, world, link), ...carryUp(setting, world, link));
    if (budget.losses > 0) fault('link is lost', ...unlinked(setting, { ...world, budget: spend(world, 'losses') }));
    steps.push(...tamper(setting, world, link));
    const mended = { ...world, ghost: { ...world.ghost, misled: false } };
    if (world.ghost.misled)
      for (const to of unlinked(setting, mended)) steps.push({ label: 'link is renewed', to, fault: false });
  }
  steps.push(...carryStale(setting, world));
  if (budget.agentCrashes > 0) {
    fault('agent crashes', ...crashed(setting, world));
    for (const id of ids)
      for (let row = 0; row < setting.rows; row += 1)
        if (world.memory.running[id]?.[row] === 'r')
          fault(`agent crashes after the call of row ${row}`, ...crashed(setting, effect(world, row)));
  }
  if (budget.controlPlaneCrashes > 0) fault('control plane crashes', controlPlaneCrash(world));
  if (budget.expiries > 0 && world.cp.id === 0 && world.cp.job.phase === 'sent')
    fault('token expires', { ...world, budget: spend(world, 'expiries'), ghost: { ...world.ghost, expired: true } });
  steps.push(...diskSteps(setting, world));
  return steps;
}

function connect(setting: Setting, world: World): World {
  const counter = world.disk.counter + 1;
  const disk = setting.broken.has('counter is raised on disk before the dial')
    ? world.disk
    : { ...world.disk, counter };
  const admitted = setting.rules.session.admitSession(world.cp.counter, counter);
  if (admitted === null) {
    const blocked = !setting.broken.has('a reused counter blocks until cleared');
    return { ...world, disk, cp: { ...world.cp, blocked } };
  }
  return {
    ...world,
    disk,
    cp: { ...world.cp, counter: admitted },
    link: { counter, greeted: false, up: [{ kind: 'hello', held: heldViews(disk) }], down: [] },
    stale: world.stale === null ? null : { ...world.stale, superseded: true },
  };
}

/** What time and policy can say of a token that the host does not know. */
function verdicts(setting: Setting, world: World, frame: Down): readonly boolean[] {
  if (frame.kind !== 'job' || world.disk.jobs[frame.id] !== null) return [true];
  if (frame.id === 0 && world.ghost.expired && !setting.slowClock) return [false];
  return setting.mayReject ? [true, false] : [true];
}

function carryDown(setting: Setting, world: World, link: Link): Step<World>[] {
  const [frame, ...rest] = link.down;
  if (frame === undefined) return [];
  const popped: World = { ...world, link: { ...link, down: rest } };
  const steps = takeDown(setting, popped, frame, `agent takes ${frame.kind}`, false);
  if (world.budget.duplicates > 0 && frame.kind !== 'welcome')
    steps.push(
      ...takeDown(
        setting,
        { ...world, budget: spend(world, 'duplicates') },
        frame,
        `agent takes ${frame.kind}, doubled`,
        true,
      ),
    );
  return steps;
}

function takeDown(setting: Setting, world: World, frame: Down, label: string, fault: boolean): Step<World>[] {
  const steps: Step<World>[] = [];
  for (const accepts of verdicts(setting, world, frame)) {
    const handled = handleAtAgent(setting, world, frame, accepts);
    const ghost = { ...world.ghost, refused: handled.refused, fault: handled.fault };
    const { link } = world;
    const sent = link === null ? null : { ...link, up: [...link.up, ...handled.up] };
    steps.push({ label, to: { ...world, disk: handled.disk, memory: handled.memory, link: sent, ghost }, fault });
    if (world.budget.agentCrashes > 0 && handled.disk !== world.disk)
      for (const to of crashed(setting, {
        ...world,
        disk: handled.disk,
        ghost: { ...world.ghost, fault: handled.fault },
      }))
        steps.push({ label: `${label}, commits and crashes`, to, fault: true });
    if (world.budget.agentCrashes > 0 && setting.broken.has('agent commits before it replies'))
      for (const to of crashed(setting, { ...world, link: sent, ghost }))
        steps.push({ label: `${label}, replies and crashes`, to, fault: true });
  }
  return steps;
}

function carryUp(setting: Setting, world: World, link: Link): Step<World>[] {
  const [frame, ...rest] = link.up;
  if (frame === undefined) return [];
  const popped: World = { ...world, link: { ...link, up: rest } };
  const steps = takeUp(setting, popped, frame, `control plane takes ${frame.kind}`, false);
  if (world.budget.duplicates > 0 && frame.kind !== 'hello') {
    const again: World = { ...world, link: { ...link, up: [...rest, frame] }, budget: spend(world, 'duplicates') };
    steps.push(...takeUp(setting, again, frame, `control plane takes ${frame.kind}, a copy follows`, true));
  }
  return steps;
}

function takeUp(setting: Setting, world: World, frame: Up, label: string, fault: boolean): Step<World>[] {
  const { link } = world;
  if (link === null || !setting.rules.session.speaks(world.cp.counter, link.counter))
    return [{ label, to: { ...world, link: null }, fault }];
  const answered = handleAtControlPlane(setting, world, frame);
  const ghost = { ...world.ghost, fault: answered.fault };
  const greeted = link.greeted || frame.kind === 'hello';
  const live: Link = { ...link, greeted, down: [...link.down, ...answered.down] };
  const steps: Step<World>[] = [];
  if (answered.close)
    for (const to of unlinked(setting, { ...world, cp: answered.cp, ghost }))
      steps.push({ label: `${label}, closes`, to: { ...to, stale: null }, fault });
  else steps.push({ label, to: { ...world, cp: answered.cp, link: live, ghost }, fault });
  if (world.budget.controlPlaneCrashes > 0 && answered.cp !== world.cp)
    steps.push({
      label: `${label}, commits and crashes`,
      to: controlPlaneCrash({ ...world, cp: answered.cp, ghost }),
      fault: true,
    });
  if (world.budget.controlPlaneCrashes > 0 && setting.broken.has('control plane commits before it acks'))
    steps.push({ label: `${label}, answers without commit`, to: { ...world, link: live, ghost }, fault: true });
  return steps;
}

function carryStale(setting: Setting, world: World): Step<World>[] {
  const { stale } = world;
  const steps: Step<World>[] = [];
  if (stale !== null) {
    const [frame, ...rest] = stale.up;
    const left: World = { ...world, stale: rest.length === 0 ? null : { ...stale, up: rest } };
    if (frame !== undefined && setting.rules.session.speaks(world.cp.counter, stale.counter)) {
      const answered = handleAtControlPlane(setting, world, frame);
      const late = stale.superseded && answered.cp !== world.cp ? 'a stale session changes the state' : answered.fault;
      steps.push({
        label: `control plane takes late ${frame.kind}`,
        to: { ...left, cp: answered.cp, ghost: { ...world.ghost, fault: late } },
        fault: true,
      });
    } else steps.push({ label: 'control plane drops late frames', to: { ...world, stale: null }, fault: true });
  }
  const [down, ...rest] = world.staleDown;
  if (down !== undefined && down.kind !== 'welcome')
    steps.push(...takeDown(setting, { ...world, staleDown: rest }, down, `agent takes late ${down.kind}`, true));
  return steps;
}

const swappable = new Set(['results results', 'rows rows', 'job cancel']);

function tamper(setting: Setting, world: World, link: Link): Step<World>[] {
  const steps: Step<World>[] = [];
  const { budget } = world;
  for (const lane of ['up', 'down'] as const) {
    const [first, second, ...rest]: readonly (Up | Down)[] = link[lane];
    if (budget.swaps === 0 || first === undefined || second === undefined) continue;
    if (!swappable.has(`${first.kind} ${second.kind}`)) continue;
    const to = tampered({
      ...world,
      link: { ...link, [lane]: [second, first, ...rest] },
      budget: spend(world, 'swaps'),
    });
    steps.push({ label: `${second.kind} overtakes ${first.kind}`, to, fault: true });
  }
  if (budget.corruptions > 0) steps.push(...corrupt(setting, world, link));
  const known = world.disk.jobs[world.cp.id];
  if (budget.forgeries > 0 && known && world.memory.welcomed) {
    const forged: Down = { kind: 'job', id: world.cp.id, digest: 'forged' as Digest };
    steps.push(
      ...takeDown(
        setting,
        { ...world, budget: spend(world, 'forgeries') },
        forged,
        'agent takes another token with this id',
        true,
      ),
    );
  }
  if (budget.replays > 0 && world.memory.welcomed && (world.cp.id === 1 || world.cp.job.tokenDigest !== null)) {
    const old: Down = { kind: 'job', id: 0, digest: tokenOf(0) };
    steps.push(
      ...takeDown(
        setting,
        { ...world, budget: spend(world, 'replays') },
        old,
        'agent takes a copy of the first token',
        true,
      ),
    );
  }
  return steps;
}

function corrupt(setting: Setting, world: World, link: Link): Step<World>[] {
  const [up, ...restUp] = link.up;
  const [down, ...restDown] = link.down;
  const base = tampered({ ...world, budget: spend(world, 'corruptions') });
  const steps: Step<World>[] = [];
  if (up?.kind === 'results') {
    const frame: Up = { ...up, lines: `#${up.lines.slice(1)}` };
    steps.push(
      ...takeUp(
        setting,
        { ...base, link: { ...link, up: restUp } },
        frame,
        'control plane takes changed results',
        true,
      ),
    );
  }
  if (up !== undefined) steps.push(...mislead(setting, base, { ...link, up: restUp }, up));
  const downward = (frame: Down, label: string): void => {
    steps.push(...takeDown(setting, { ...base, link: { ...link, down: restDown } }, frame, label, true));
  };
  if (down?.kind === 'welcome') {
    const views = down.views.map((view) => (view === null ? null : { ...view, head: 'other' as Digest }));
    downward({ ...down, views }, 'agent takes a welcome of something else');
  }
  if (down?.kind === 'rows') downward({ ...down, signed: false }, 'agent takes changed rows');
  if (down?.kind === 'ack') {
    downward({ ...down, sequence: down.sequence + 2 }, 'agent takes an ack of more');
    const job = world.disk.jobs[down.id]?.job;
    if (job?.phase === 'accepted' || down.sequence < (job?.produced ?? 0))
      downward({ kind: 'finished.ack', id: down.id, head: down.head }, 'agent takes a finished.ack of less');
  }
  return steps;
}

/** Frames that say what is not so. The control plane must not believe them; a new link mends it. */
function mislead(setting: Setting, base: World, link: Link, frame: Up): Step<World>[] {
  const digest = 'forged' as Digest;
  const world: World = { ...base, link, ghost: { ...base.ghost, misled: true } };
  const lies: Up[] = [];
  if (frame.kind === 'hello' && world.disk.jobs[world.cp.id] === null && world.cp.job.phase !== 'queued')
    lies.push({ ...frame, held: ids.map(() => ({ tokenDigest: digest, nextChunk: 0 })) });
  if (frame.kind === 'rejected') lies.push({ kind: 'accepted', id: frame.id, digest });
  if (frame.kind === 'finished') {
    lies.push({ ...frame, digest }, { ...frame, last: frame.last + 1 }, { ...frame, head: 'other' as Digest });
    if (!world.cp.job.cancelRequested) lies.push({ ...frame, digest: null });
  }
  return lies.flatMap((lie) =>
    takeUp(setting, world, lie, `control plane takes a false ${lie.kind}`, true).map((step) => {
      const believed = step.to.cp.job.phase === 'finished' && world.cp.job.phase !== 'finished';
      const fault = believed ? 'a false last word is believed' : step.to.ghost.fault;
      return { ...step, to: { ...step.to, ghost: { ...step.to.ghost, fault } } };
    }),
  );
}

function diskSteps(setting: Setting, world: World): Step<World>[] {
  const steps: Step<World>[] = [];
  const { budget, snapshot, cp } = world;
  if (budget.snapshots > 0 && snapshot === null)
    steps.push({
      label: 'snapshot of the host',
      to: { ...world, snapshot: world.disk, budget: spend(world, 'snapshots') },
      fault: true,
    });
  if (budget.rollbacks > 0 && snapshot !== null && snapshot !== world.disk) {
    const known = snapshot.jobs[cp.id] ?? null;
    const seen =
      cp.counter > snapshot.counter ||
      cp.job.stored > (known?.job.produced ?? 0) ||
      (known === null && cp.job.phase !== 'queued' && cp.job.phase !== 'sent');
    const ghost = { ...world.ghost, epoch: 1 as const, rolledBack: true, unseenRollback: !seen };
    const back = { ...world, disk: snapshot, snapshot: null, ghost, budget: spend(world, 'rollbacks') };
    for (const to of unlinked(setting, back))
      steps.push({ label: 'snapshot is put back', to: { ...to, memory: freshMemory(setting.rows) }, fault: true });
  }
  if (budget.lostResults > 0 && cp.job.stored > 0 && !cp.lossKnown) {
    const stored = Math.max(0, cp.job.stored - 2);
    const log = cp.log.slice(0, stored);
    const phase = cp.job.phase === 'finished' ? 'accepted' : cp.job.phase;
    const job = { ...cp.job, phase, stored, head: headAt(setting, cp.id, log, stored) };
    const lost = {
      ...world,
      cp: { ...cp, job, log },
      ghost: { ...world.ghost, resultsLost: true },
      budget: spend(world, 'lostResults'),
    };
    const to = { ...lost, link: null, stale: null, memory: { ...world.memory, welcomed: false } };
    steps.push({ label: 'control plane loses its newest results', to, fault: true });
  }
  return steps;
}
