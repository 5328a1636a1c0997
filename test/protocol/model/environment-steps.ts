// What the world around both programs may do: carry, lose, delay and double frames, end processes, put an old disk back.
import { headAt, heldViews } from './agent-side.ts';
import { effect } from './agent-steps.ts';
import { crashed, spend, takeDown, takeUp, unlinked } from './carry.ts';
import { controlPlaneCrash, handleAtControlPlane } from './control-plane-side.ts';
import type { Step } from './explorer.ts';
import { tamper } from './tamper-steps.ts';
import { type Link, type Setting, type World, freshMemory, ids } from './world.ts';

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
