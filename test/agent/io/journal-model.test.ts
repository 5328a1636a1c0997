// Any run of job lives gives the same reads from the memory twin and from the disk, with the disk's journal closed and opened again in between:
// what suites on the twin show holds for the real one.
import { expect } from 'chai';
import * as fc from 'fast-check';
import type { Change, Journal, StoredEntry, StoredJob } from '../../../agent/job/journal.ts';
import { JournalDirectory } from '../../contract/journal-directory.ts';
import { jobIdOf, jobOf, stateChange, withAck, withEntries, withRows } from '../../contract/journal-samples.ts';
import { memoryJournal } from '../../support/journal-memory.ts';

const jobNumbers = [1, 2, 3, 4];
const chunks = [1, 2];

interface Life {
  readonly job: StoredJob;
  readonly pending: readonly number[];
  readonly entries: readonly StoredEntry[];
}
/** What the caller of the journal knows: enough to make only changes that an agent would make. */
type Model = Map<number, Life>;

interface Real {
  readonly twin: Journal;
  disk: Journal;
  readonly directory: JournalDirectory;
  readonly reached: Set<string>;
}

async function picture(journal: Journal): Promise<unknown> {
  const jobs = jobNumbers.map(async (number) => {
    const id = jobIdOf(number);
    return {
      job: await journal.job(id),
      rows: await journal.pendingRows(id, -1, 100),
      someRows: await journal.pendingRows(id, 0, 2),
      entries: await journal.entries(id, 0, { maxCount: 1_000, maxBytes: 1_000_000 }),
      someEntries: await journal.entries(id, 3, { maxCount: 3, maxBytes: 12 }),
      held: await journal.firstHeld(id, 2),
      head: await journal.headAt(id, 2),
    };
  });
  return {
    jobs: await Promise.all(jobs),
    facts: await journal.facts(),
    open: await journal.openJobs(),
    recent: await journal.recentJobs(3),
    spoolBytes: journal.spoolBytes(),
    keptBytes: journal.keptBytes(),
  };
}

/** One kind of step: what it changes in a life (null: not possible now). */
type Step = (
  life: Life | undefined,
  number: number,
  amount: number,
) => { life: Life; changes: readonly Change[] } | null;

const under = (life: Life | undefined): life is Life => life?.job.state.phase === 'accepted';

const steps: Readonly<Record<string, Step>> = {
  accept(life, number, amount) {
    if (life !== undefined) return null;
    const job = jobOf(number, chunks, { receivedAt: amount, forgetAt: 30 + amount });
    return { life: { job, pending: [], entries: [] }, changes: [{ kind: 'job', job }] };
  },
  rows(life) {
    const next = life?.job.state.nextChunk ?? 0;
    const size = chunks[next];
    if (!under(life) || size === undefined) return null;
    const first = chunks.slice(0, next).reduce((sum, rows) => sum + rows, 0);
    const numbers = Array.from({ length: size }, (_, index) => first + index);
    const stored = withRows(
      life.job,
      numbers.map((row) => `{"row":${row}}`),
      first,
    );
    return { life: { ...life, job: stored.job, pending: [...life.pending, ...numbers] }, changes: stored.changes };
  },
  progress(life, _number, amount) {
    const row = life?.pending[amount % Math.max(1, life.pending.length)];
    if (!under(life) || row === undefined) return null;
    const intent = amount % 2 === 0 ? null : { call: { Action: 'TagUser', amount }, record: null };
    const progress = { items: amount, marker: amount % 3 === 0 ? null : `m${amount}`, intent };
    return { life, changes: [{ kind: 'row_progress', job: life.job.id, row, progress }] };
  },
  end(life, _number, amount) {
    const row = life?.pending[amount % Math.max(1, life.pending.length)];
    if (!under(life) || row === undefined) return null;
    const lines = Array.from({ length: 1 + (amount % 3) }, (_, index) => `${row}.${index} ${'é'.repeat(amount)}`);
    const made = withEntries(life.job, lines, [row]);
    const pending = life.pending.filter((other) => other !== row);
    return { life: { job: made.job, pending, entries: [...life.entries, ...made.entries] }, changes: made.changes };
  },
  ack(life, _number, amount) {
    const open = life?.entries.filter((entry) => entry.sequence > life.job.state.acked) ?? [];
    const entry = amount > 7 ? open.at(-1) : open[amount % Math.max(1, open.length)];
    if (life === undefined || entry === undefined) return null;
    const acked = withAck(life.job, entry, amount % 2 === 0 ? null : 20 + amount);
    return { life: { ...life, job: acked.job }, changes: acked.changes };
  },
  close(life) {
    if (life?.job.state.phase !== 'finished' || life.job.state.acked < life.job.state.produced) return null;
    const job = { ...life.job, state: { ...life.job.state, phase: 'closed' as const }, statement: 's' };
    return { life: { ...life, job }, changes: [stateChange(job)] };
  },
  quarantine(life) {
    if (!under(life)) return null;
    const job = { ...life.job, state: { ...life.job.state, phase: 'quarantined' as const } };
    return { life: { ...life, job, pending: [] }, changes: [{ kind: 'rows_dropped', job: job.id }, stateChange(job)] };
  },
};

class StepCommand implements fc.AsyncCommand<Model, Real> {
  readonly name: string;
  readonly number: number;
  readonly amount: number;

  constructor(name: string, number: number, amount: number) {
    this.name = name;
    this.number = number;
    this.amount = amount;
  }

  #next(model: Model): ReturnType<Step> {
    const life = model.get(this.number);
    const names = this.name === 'onward' ? ['accept', 'rows', 'end', 'ack', 'close'] : [this.name];
    const possible = names.map((name) => steps[name]?.(life, this.number, this.amount) ?? null);
    return possible.find((next) => next !== null) ?? null;
  }

  check(model: Readonly<Model>): boolean {
    return this.#next(model) !== null;
  }

  async run(model: Model, { twin, disk, reached }: Real): Promise<void> {
    const next = this.#next(model);
    if (next === null) throw new Error('not possible now');
    model.set(this.number, next.life);
    reached.add(next.life.job.state.phase);
    const changes: Change[] = [...next.changes, { kind: 'session_counter', value: this.amount }];
    await Promise.all([twin.commit(changes), disk.commit(changes)]);
    expect(await picture(disk)).to.deep.equal(await picture(twin));
  }

  toString(): string {
    return `${this.name}(job ${this.number}, ${this.amount})`;
  }
}

class PurgeCommand implements fc.AsyncCommand<Model, Real> {
  readonly nowMs: number;

  constructor(nowMs: number) {
    this.nowMs = nowMs;
  }

  check(): boolean {
    return true;
  }

  async run(model: Model, { twin, disk }: Real): Promise<void> {
    const [purged, purgedHere] = await Promise.all([disk.purge(this.nowMs), twin.purge(this.nowMs)]);
    expect(purged).to.deep.equal(purgedHere);
    for (const number of jobNumbers) if ((await twin.job(jobIdOf(number))) === null) model.delete(number);
    expect(await picture(disk)).to.deep.equal(await picture(twin));
  }

  toString(): string {
    return `purge(${this.nowMs})`;
  }
}

class ReopenCommand implements fc.AsyncCommand<Model, Real> {
  check(): boolean {
    return true;
  }

  async run(_model: Model, real: Real): Promise<void> {
    await real.disk.close();
    const opened = await real.directory.open();
    real.disk = opened.journal;
    expect(opened.recovery.damaged).to.deep.equal([]);
    expect(await picture(real.disk)).to.deep.equal(await picture(real.twin));
  }

  toString(): string {
    return 'reopen()';
  }
}

describe('journals on disk and in memory', () => {
  it('read the same after any run of job lives, reopened or not', async () => {
    const reached = new Set<string>();
    const amount = fc.integer({ min: 0, max: 20 });
    const step = fc
      .tuple(fc.constantFrom(...Object.keys(steps)), fc.constantFrom(...jobNumbers), amount)
      .map(([name, number, value]) => new StepCommand(name, number, value));
    // Drawn at random alone, few jobs would ever come to their end.
    const onward = fc
      .tuple(fc.constantFrom(1, 2), amount)
      .map(([number, value]) => new StepCommand('onward', number, value));
    const purge = fc.integer({ min: 0, max: 60 }).map((nowMs) => new PurgeCommand(nowMs));
    const reopen = fc.constant(new ReopenCommand());
    const commands = fc.commands([step, onward, onward, purge, reopen], { maxCommands: 60, size: 'max' });
    await fc.assert(
      fc.asyncProperty(commands, async (run) => {
        const directory = new JournalDirectory('in_memory');
        try {
          const { journal } = await directory.open();
          const model: Model = new Map();
          const real: Real = { twin: memoryJournal(), disk: journal, directory, reached };
          await fc.asyncModelRun(() => ({ model, real }), run);
        } finally {
          await directory.dispose();
        }
      }),
      { numRuns: 15 },
    );
    expect(reached).to.include.keys('accepted', 'finished', 'closed', 'quarantined');
  });
});
