// Every durable step of a job, one after the other: a small job is run with the program killed before, then after, its first commit, its second, and
// so on until a job ends without having met the point. Nothing is counted in advance, so a step that a version adds is found by itself.
import type { Findings } from './checker/evidence.ts';
import type { Counts } from './counts.ts';
import { type JobKindName, jobKindNames } from './jobs.ts';
import type { Mutation } from './mutation.ts';
import type { CrashPoint, ProgramName } from './programs.ts';
import { World } from './world.ts';

export interface Series {
  readonly program: ProgramName;
  readonly place: CrashPoint['place'];
  readonly when: CrashPoint['when'];
  readonly kind: JobKindName;
}

const placesOf: Readonly<Record<ProgramName, readonly CrashPoint['place'][]>> = {
  agent: ['commit', 'send', 'request', 'answer'],
  plane: ['commit', 'send'],
};

/** The series of one kind of job. */
function seriesOf(kind: JobKindName): readonly Series[] {
  return (['agent', 'plane'] as const).flatMap((program) =>
    placesOf[program].flatMap((place) => {
      // Nothing happens between the two sides of an answer that has come.
      const sides = place === 'answer' ? (['before'] as const) : (['before', 'after'] as const);
      return sides.map((when) => ({ program, place, when, kind }));
    }),
  );
}

/** The durable steps of every kind first. */
export const allSeries: readonly Series[] = jobKindNames
  .flatMap(seriesOf)
  .toSorted((left, right) => Number(right.place === 'commit') - Number(left.place === 'commit'));

interface EnumerateOptions {
  readonly folder: string;
  readonly seed: string;
  readonly counts: Counts;
  readonly series: readonly Series[];
  readonly wanted: () => boolean;
  readonly mutation?: Mutation | null;
  readonly stuckMs?: number;
  /** Judges after each point and ends with the first violation. */
  readonly judgeEach?: boolean;
}

const mostPoints = 200;
const rowsOfJob = 3;

/** In one world: each job is one row of a table of crash points. */
export async function enumerate(options: EnumerateOptions): Promise<{ findings: Findings; points: number }> {
  const { folder, seed, counts, series, wanted, mutation = null, stuckMs, judgeEach = false } = options;
  const world = await World.make({
    folder,
    seed,
    mutation,
    ...(stuckMs === undefined ? {} : { stuckMs }),
    onCrash: (point) => counts.crash(`step: ${point}`),
    onLinkFault: (kind) => counts.link(kind),
  });
  let points = 0;
  try {
    const clean = async (): Promise<boolean> => !judgeEach || (await world.judge()).violations.length === 0;
    for (const one of series) points += await runSeries(world, one, { wanted, clean });
    const findings = await world.judge();
    counts.run(findings);
    return { findings, points };
  } finally {
    await world.stop();
  }
}

/** How many points the program died at. */
async function runSeries(
  world: World,
  { program, place, when, kind }: Series,
  { wanted, clean }: { wanted: () => boolean; clean: () => Promise<boolean> },
): Promise<number> {
  for (let nth = 1; nth <= mostPoints; nth += 1) {
    if (!wanted()) return nth - 1;
    // The agent is away while its job is made, so that each of its steps lies after the start of the process; so is the making of the job after
    // the start of the control plane.
    await world.end(program);
    if (program === 'plane') world.start(program, { place, when, nth });
    await world.ask({ kind, name: `${place}-${when}-${kind.replaceAll('_', '-')}-${program}-${nth}`, rows: rowsOfJob });
    if (program === 'agent') world.start(program, { place, when, nth });
    // `finished` starts what has died, without a point.
    if (!(await world.finished()) || !(await clean())) return nth;
    if (!world.diedAtItsPoint(program)) return nth - 1;
  }
  throw new Error(`a job of ${rowsOfJob} rows has more than ${mostPoints} steps`);
}
