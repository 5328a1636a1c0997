// The process that journal-crash.test.ts kills: it goes on with one job from what recovery gives it, many commits at a time, and prints each
// number once its commit resolved. Arguments: state directory, seed.
import { writeSync } from 'node:fs';
import { nodeHashing } from '../../../node/hashing.ts';
import { openJournal } from '../../../agent/io/journal-sqlite.ts';
import type { Change, Journal, StoredJob } from '../../../agent/job/journal.ts';
import { isRefusal } from '../../../protocol/error-codes.ts';
import { jobIdOf, jobOf, stateChange, withAck, withEntries } from '../../contract/journal-samples.ts';

const [directory = '', seed = '1'] = process.argv.slice(2);
const opened = await openJournal({ directory, key: new Uint8Array(32).fill(7), hashing: nodeHashing, now: Date.now });
if (isRefusal(opened)) throw new Error(opened.detail);
const { journal } = opened;

let job = (await journal.job(jobIdOf(1))) ?? (await newJob(journal));
let state = Number(seed);
/** Park and Miller: the same seed makes the same run. */
function draw(below: number): number {
  state = (state * 48_271) % 2_147_483_647;
  return state % below;
}

async function newJob(journal: Journal): Promise<StoredJob> {
  const made = jobOf(1, [1_000, 1_000]);
  await journal.commit([{ kind: 'job', job: made }]);
  return made;
}

function step(): readonly Change[] {
  const lines = Array.from(
    { length: 1 + draw(4) },
    (_, index) => `${job.state.produced + index + 1} ${'x'.repeat(draw(3_000))}`,
  );
  const made = withEntries(job, lines);
  job = made.job;
  const through = made.entries[draw(made.entries.length)];
  if (draw(5) > 0 || through === undefined) return made.changes;
  const acked = withAck(job, through, draw(2) === 0 ? null : 1_000 + through.sequence);
  job = acked.job;
  return [...made.changes, ...acked.changes];
}

for (;;) {
  const group = Array.from({ length: 1 + draw(8) }, () => {
    const changes = step();
    const { produced, acked } = job.state;
    const progress: Change = { kind: 'session_counter', value: produced };
    return journal.commit([...changes, progress, stateChange(job)]).then(() => {
      writeSync(1, `${produced} ${acked}\n`);
      return produced;
    });
  });
  await Promise.all(group);
}
