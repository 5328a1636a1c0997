// Entries in the order of their rows: nothing lost, nothing held back beyond the bounds, and the oldest row always moves on.
import { expect } from 'chai';
import { assert, asyncProperty, integer, shuffledSubarray } from 'fast-check';
import { rowEndLine } from '../../protocol/result-envelope.ts';
import { OrderedEntries } from '../../terminal/ordered-entries.ts';

const entry = (row: number, text = 'x'): string => JSON.stringify({ row, envelope: { error: text, has_error: true } });
const end = (row: number): string => rowEndLine(row, 1, 'failed');

describe('ordered entries', () => {
  it('come row by row, those of the oldest row at once', async () => {
    const printed: string[] = [];
    const ordered = new OrderedEntries(async (line) => void printed.push(line));
    await ordered.add(entry(1));
    await ordered.add(end(1));
    expect(printed).to.deep.equal([]);
    await ordered.add(entry(0));
    expect(printed).to.deep.equal([entry(0)]);
    await ordered.add(end(0));
    expect(printed).to.deep.equal([entry(0), end(0), entry(1), end(1)]);
  });

  it('come out in order, whatever the order in which rows end, also rows that never do', async () => {
    await assert(
      asyncProperty(
        integer({ min: 1, max: 30 }).chain((rows) =>
          shuffledSubarray([...Array(rows).keys()], { minLength: rows, maxLength: rows }),
        ),
        integer({ min: 0, max: 30 }),
        async (order, missing) => {
          const printed: string[] = [];
          const ordered = new OrderedEntries(async (line) => void printed.push(line));
          await Promise.all(
            order.flatMap((row) => [
              ordered.add(entry(row)),
              row === missing ? Promise.resolve() : ordered.add(end(row)),
            ]),
          );
          await ordered.end();
          const expected = order.toSorted((one, other) => one - other);
          expect(printed.filter((line) => line.includes('envelope'))).to.deep.equal(expected.map((row) => entry(row)));
        },
      ),
    );
  });

  it('let no row start beyond the bounds, and always the oldest', async () => {
    const ordered = new OrderedEntries(() => Promise.resolve(), { rows: 4, heldUnits: 1_000 });
    await ordered.room(0);
    await ordered.room(3);
    let started = false;
    const waiting = ordered.room(4).then(() => (started = true));
    await ordered.add(end(1));
    await Promise.resolve();
    expect(started).to.equal(false);
    await ordered.add(end(0));
    await waiting;

    const full = new OrderedEntries(() => Promise.resolve(), { rows: 100, heldUnits: 1_000 });
    await full.add(entry(1, 'y'.repeat(2_000)));
    let next = false;
    const held = full.room(2).then(() => (next = true));
    await Promise.resolve();
    expect(next).to.equal(false);
    await full.room(0);
    await full.add(end(0));
    await full.add(end(1));
    await held;
  });
});
