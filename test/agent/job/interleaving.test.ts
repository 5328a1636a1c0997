// Everything that may happen to a job at once, in orders drawn at random: chunks come, acknowledgements come, links come and go, a cancel, a
// restart. However they fall, each row ends once, the chain fits, and memory says what the disk says.
import { expect } from 'chai';
import { array, assert, asyncProperty, constantFrom } from 'fast-check';
import { nodeHashing } from '../../../node/hashing.ts';
import { Answers } from '../../../agent/job/answers.ts';
import type { Journal } from '../../../agent/job/journal.ts';
import type { JobRecord } from '../../../agent/job/job-record.ts';
import { resumeJobs } from '../../../agent/job/welcome.ts';
import { chainNext, chainStart } from '../../../protocol/digest-chain.ts';
import type { Digest } from '../../../protocol/ids.ts';
import { jobIdOf } from '../../contract/journal-samples.ts';
import { claimsOfChunks, jobFixture, type JobFixture, type SeenEntry } from '../../support/job-fixture.ts';
import { memoryJournal } from '../../support/journal-memory.ts';
import { answerOf, ScriptedCaller } from '../../support/scripted-caller.ts';

const id = jobIdOf(1);
const chunks = [3, 1, 4, 2].map((rows, chunk) =>
  Array.from({ length: rows }, (_, index) =>
    JSON.stringify(index === 1 ? { other: 1 } : { user: `${chunk}-${index}` }),
  ),
);
const rowCount = chunks.flat().length;
const empty = answerOf('ListAccessKeys', '<AccessKeyMetadata/><IsTruncated>false</IsTruncated>');
const steps = ['chunk', 'ack', 'ack', 'welcome', 'turn', 'microtask', 'cancel', 'restart'] as const;
type Step = (typeof steps)[number];

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** What the control plane has stored: some of what is durable, as it was read from the journal. */
class Plane {
  readonly lines: string[] = [];
  heads: Digest[] = [chainStart(nodeHashing, id)];

  async take(journal: Journal, record: JobRecord): Promise<void> {
    const held = await journal.entries(id, this.lines.length + 1, { maxCount: 3, maxBytes: 1_000_000 });
    for (const { sequence, line } of held) {
      if (sequence !== this.lines.length + 1 || sequence > record.durableThrough) return;
      this.lines.push(line);
      this.heads.push(chainNext(nodeHashing, this.heads.at(-1) ?? expect.fail('no head'), line));
    }
  }

  get view(): { sequence: number; head: Digest } {
    return { sequence: this.lines.length, head: this.heads.at(-1) ?? expect.fail('no head') };
  }
}

async function open(journal: Journal): Promise<{ fixture: JobFixture; record: JobRecord }> {
  const fixture = jobFixture(new ScriptedCaller(() => empty), { journal });
  await fixture.jobs.recover();
  const record = fixture.jobs.get(id) ?? (await fixture.accept(claimsOfChunks(chunks)));
  return { fixture, record };
}

async function welcome({ jobs, journal, faults }: JobFixture, plane: Plane): Promise<void> {
  const out = { open: true, send: () => undefined, ready: () => Promise.resolve() };
  const events = (): void => undefined;
  const answers = new Answers({ jobs, out, events, onFault: (error) => faults.push(error) }, new Map());
  const { sequence, head } = plane.view;
  const view = { job: id, last_sequence: sequence, head, cancel: false };
  await resumeJobs([view], { jobs, journal, events, answers, send: () => undefined });
  jobs.start();
}

async function play(script: readonly Step[]): Promise<void> {
  const journal = memoryJournal();
  const plane = new Plane();
  let { fixture, record } = await open(journal);
  const faults: unknown[] = [];
  let frames: Promise<unknown> = Promise.resolve();
  // As a link does: one frame after the other, while rows run beside them.
  const frame = (work: () => Promise<unknown>): void => void (frames = frames.then(work));
  const next = (): Promise<unknown> =>
    fixture.jobs.rows(record, record.state.nextChunk, chunks[record.state.nextChunk] ?? []);
  fixture.jobs.start();
  const restart = async (): Promise<void> => {
    await frames;
    fixture.drain.abort();
    await fixture.jobs.idle();
    faults.push(...fixture.faults);
    // A stop writes what still waits for the disk.
    await journal.commit([]);
    ({ fixture, record } = await open(journal));
    await welcome(fixture, plane);
  };
  for (const step of script) {
    if (step === 'turn') await turn();
    else if (step === 'microtask') await Promise.resolve();
    else if (step === 'restart') await restart();
    else if (step === 'chunk') frame(next);
    else if (step === 'cancel') frame(() => fixture.jobs.cancel(id));
    else if (step === 'welcome') frame(() => welcome(fixture, plane));
    else frame(() => plane.take(journal, record).then(() => fixture.jobs.acknowledged(record, plane.view)));
  }
  await frames;
  while (record.state.phase === 'accepted' && record.state.nextChunk < record.state.chunks && !record.state.cancelled)
    await next();
  await fixture.jobs.idle();
  expect([...faults, ...fixture.faults]).to.deep.equal([]);
  while (plane.lines.length < record.state.produced) await plane.take(journal, record);
  expect(plane.view).to.deep.equal({ sequence: record.state.produced, head: record.state.head });
  // What nobody waits for is on disk with what comes after it.
  await journal.commit([]);
  expect((await journal.job(id))?.state).to.deep.equal(record.state);
  expect(record.state).to.include({ phase: 'finished', endedRows: rowCount });
  const ends = plane.lines.flatMap((line) => {
    const { row, row_end } = JSON.parse(line) as SeenEntry;
    return row_end === undefined ? [] : [row];
  });
  expect(ends.toSorted((a, b) => a - b)).to.deep.equal(Array.from({ length: rowCount }, (_, index) => index));
}

describe('a job among everything that happens at once', () => {
  it('ends each row once, with one chain, in memory as on disk', async () => {
    const script = array(constantFrom(...steps), { minLength: 5, maxLength: 40 });
    await assert(asyncProperty(script, play), { numRuns: 300 });
  });
});
