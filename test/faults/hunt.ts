// Looks for the harm of one mutant, a bounded number of runs.
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Violation } from './checker/evidence.ts';
import { Counts } from './counts.ts';
import { enumerate } from './enumerate.ts';
import type { Mutant } from './mutant-list.ts';
import { outage } from './outage.ts';
import { rollback } from './rollback.ts';
import { forget, runWorld } from './run-world.ts';

const faultsOfRun = 14;
/** Work that stands still is soon seen here: a world that heals itself takes a second or two. */
const stuckMs = 8_000;

const weak: ReadonlySet<string> = new Set(['stuck', 'not ended as it may', 'program ended by itself']);

export interface Caught {
  readonly runs: number;
  readonly seconds: number;
  /** The first of them; null when the mutant survived. */
  readonly violation: Violation | null;
}

export async function hunt(
  mutant: Mutant,
  options: { readonly folder: string; readonly seed: string; readonly mostRuns: number },
): Promise<Caught> {
  const startedMs = Date.now();
  await mkdir(options.folder, { recursive: true });
  for (let runs = 1; ; runs += 1) {
    const seed = `${options.seed}/${runs}`;
    const folder = join(options.folder, `run-${runs}`);
    const violations = await once(mutant, { folder, seed });
    await forget(folder);
    // The evidence says more than that work stood still.
    const violation = violations.find(({ rule }) => !weak.has(rule)) ?? violations[0] ?? null;
    if (violation !== null || runs === options.mostRuns)
      return { runs, seconds: Math.round((Date.now() - startedMs) / 1_000), violation };
  }
}

async function once(
  { mutation, hunt: how }: Mutant,
  where: { folder: string; seed: string },
): Promise<readonly Violation[]> {
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
    case 'outage':
      return (await outage(options)).violations;
    default:
      return how satisfies never;
  }
}
