// Looks for the harm of one mutant, a bounded number of runs.
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Violation } from './checker/evidence.ts';
import { Counts } from './counts.ts';
import { enumerate } from './enumerate.ts';
import type { Mutant } from './mutant-list.ts';
import { rollback } from './rollback.ts';
import { forget, runWorld } from './run-world.ts';

const mostRuns = 4;
const faultsOfRun = 14;
/** Work that stands still is soon seen here: a world that heals itself takes a second or two. */
const stuckMs = 9_000;

export interface Caught {
  readonly runs: number;
  readonly seconds: number;
  /** The first of them; null when the mutant survived. */
  readonly violation: Violation | null;
}

/** With `mutation` null the programs are as they are: nothing may be found. */
export async function hunt(mutant: Mutant, options: { folder: string; seed: string }): Promise<Caught> {
  const startedMs = Date.now();
  await mkdir(options.folder, { recursive: true });
  for (let runs = 1; ; runs += 1) {
    const seed = `${options.seed}/${runs}`;
    const folder = join(options.folder, `run-${runs}`);
    const violations = await once(mutant, { folder, seed });
    await forget(folder);
    const [violation = null] = violations;
    if (violation !== null || runs === mostRuns)
      return { runs, seconds: Math.round((Date.now() - startedMs) / 1_000), violation };
  }
}

async function once({ mutation, hunt: how }: Mutant, where: { folder: string; seed: string }): Promise<readonly Violation[]> {
  const options = { ...where, counts: new Counts(), mutation, stuckMs };
  switch (how.kind) {
    case 'steps': {
      const { findings } = await enumerate({ ...options, series: how.series, wanted: () => true, judgeEach: true });
      return findings.violations;
    }
    case 'random': {
      const { groups, only } = how;
      return (await runWorld({ ...options, faults: faultsOfRun, groups: () => groups, only })).findings.violations;
    }
    case 'rollback':
      return (await rollback(options)).violations;
    default:
      return how satisfies never;
  }
}
