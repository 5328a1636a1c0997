// One frame taken by one side, and what can go wrong at that moment: a crash between the commit and the answer, a link that is already gone.
import type { Step } from './explorer.ts';
import { handleAtAgent } from './agent-side.ts';
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
} from './world.ts';

export const spend = (world: World, what: keyof Budget): Budget => ({
  ...world.budget,
  [what]: world.budget[what] - 1,
});
/** The link is gone; what the agent had sent may still arrive at the control plane. */
export function unlinked(setting: Setting, world: World): World[] {
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

export function crashed(setting: Setting, world: World): World[] {
  return unlinked(setting, { ...world, budget: spend(world, 'agentCrashes') }).map((next) => ({
    ...next,
    memory: freshMemory(setting.rows),
  }));
}

/** What time and policy can say of a token that the host does not know. */
function verdicts(setting: Setting, world: World, frame: Down): readonly boolean[] {
  if (frame.kind !== 'job' || world.disk.jobs[frame.id] !== null) return [true];
  if (frame.id === 0 && world.ghost.expired && !setting.slowClock) return [false];
  return setting.mayReject ? [true, false] : [true];
}

export function takeDown(setting: Setting, world: World, frame: Down, label: string, fault: boolean): Step<World>[] {
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

export function takeUp(setting: Setting, world: World, frame: Up, label: string, fault: boolean): Step<World>[] {
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
