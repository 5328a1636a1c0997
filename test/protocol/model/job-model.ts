// The job model put together: one job, both machines, their disks, the link and the environment.
import { agentSteps } from './agent-steps.ts';
import { controlPlaneSteps } from './control-plane-side.ts';
import { environmentSteps } from './environment-steps.ts';
import type { Model } from './explorer.ts';
import { brokenProperty, hasEnded } from './properties.ts';
import type { Rules } from './rules.ts';
import { worldKey } from './state-key.ts';
import { type Budget, type Habit, type Setting, type World, initialWorld } from './world.ts';

export interface Bounds extends Partial<Budget> {
  readonly rows?: number;
  readonly mayReject?: boolean;
  readonly slowClock?: boolean;
}

export function jobModel(rules: Rules, bounds: Bounds, broken: readonly Habit[] = []): Model<World> {
  const { rows = 2, mayReject = false, slowClock = false, ...budget } = bounds;
  const setting: Setting = { rules, rows, mayReject, slowClock, broken: new Set(broken) };
  return {
    initial: initialWorld(setting, budget),
    key: worldKey,
    steps: (world) => [
      ...agentSteps(setting, world),
      ...controlPlaneSteps(setting, world),
      ...environmentSteps(setting, world),
    ],
    broken: (world) => brokenProperty(setting, world),
    terminal: hasEnded,
  };
}
