// The spool's quota: who may start, who waits, who is woken, and what of the kept results goes.
import { expect } from 'chai';
import type { Journal } from '../../../agent/job/journal.ts';
import { Spool } from '../../../agent/job/spool.ts';
import { limits } from '../../../protocol/limits.ts';
import { jobIdOf } from '../../contract/journal-samples.ts';
import { SimulatedClock } from '../../support/simulated-clock.ts';

const envelope = limits.envelopeBytes;

/** A spool whose journal holds what the test says. */
function spoolWith(quotaBytes: number, callsAtOnce: number) {
  const held = { spool: 0, kept: 0, trims: [] as number[], rooms: 0 };
  const events: [string, Readonly<Record<string, unknown>>][] = [];
  const journal = {
    spoolBytes: () => held.spool,
    keptBytes: () => held.kept,
    trimKept: (bytes: number) => {
      held.trims.push(bytes);
      held.kept = bytes;
      return Promise.resolve(3);
    },
  } as Partial<Journal> as Journal;
  const spool = new Spool({
    journal,
    clock: new SimulatedClock(),
    events: (name, fields) => void events.push([name, fields]),
    quotaBytes,
    callsAtOnce,
    onRoom: () => (held.rooms += 1),
  });
  return { spool, held, events };
}

function enterAll(spool: Spool): number {
  let entered = 0;
  while (spool.enter(jobIdOf(1))) entered += 1;
  return entered;
}

describe('the spool', () => {
  it('begins no more rows than have room for their answers within quota and reserve', () => {
    const { spool, held } = spoolWith(10 * envelope, 4);
    expect(spool.state).to.include({ reserveBytes: 4 * envelope, fullSinceMs: null });
    expect(enterAll(spool)).to.equal(14);
    // The largest answers of all of them: exactly quota and reserve, and nothing starts.
    held.spool = 14 * envelope;
    for (let row = 0; row < 14; row += 1) spool.leave();
    expect(spool.state.rowsUnderWay).to.equal(0);
    expect(spool.enter(jobIdOf(1))).to.equal(false);
    // Just below the quota the reserve is what is left for them.
    held.spool = 10 * envelope - 1;
    expect(enterAll(spool)).to.equal(4);
  });

  it('says once that it is full, since when, and once that there is room, and wakes who waits', async () => {
    const { spool, held, events } = spoolWith(envelope, 1);
    held.spool = envelope;
    expect([spool.enter(jobIdOf(1)), spool.enter(jobIdOf(1))]).to.deep.equal([false, false]);
    expect(spool.state.fullSinceMs).to.equal(new SimulatedClock().now());
    let woken = false;
    const waiting = spool.room(new AbortController().signal).then(() => (woken = true));
    held.spool = envelope - 1;
    await spool.changed();
    await waiting;
    expect([woken, held.rooms, spool.state.fullSinceMs]).to.deep.equal([true, 1, null]);
    expect(events.map(([name]) => name)).to.deep.equal(['spool.full', 'spool.room']);
    expect(events[0]?.[1]).to.deep.equal({ bytes: envelope, quotaBytes: envelope, rows: 0 });
  });

  it('wakes a row that was turned away as soon as one of those under way has ended', () => {
    const { spool, held } = spoolWith(envelope, 1);
    expect(enterAll(spool)).to.equal(2);
    spool.leave();
    expect(held.rooms).to.equal(1);
    expect(spool.enter(jobIdOf(1))).to.equal(true);
  });

  it('gives the places by turns to the jobs that wait for one', () => {
    const { spool, held } = spoolWith(envelope, 1);
    const [first, second, third] = [jobIdOf(1), jobIdOf(2), jobIdOf(3)];
    expect(enterAll(spool)).to.equal(2);
    expect([spool.enter(second), spool.enter(third), spool.turnedAway(second)]).to.deep.equal([false, false, true]);
    const turns = [];
    for (let round = 0; round < 6; round += 1) {
      spool.leave();
      expect(held.rooms).to.equal(round + 1);
      // Whoever is woken first: the place is for the one that has waited longest.
      turns.push([third, second, first].filter((job) => spool.enter(job)));
    }
    expect(turns.flat()).to.deep.equal([first, second, third, first, second, third]);
  });

  it('keeps no place for a job that no longer wants it', () => {
    const { spool, held } = spoolWith(envelope, 1);
    expect(enterAll(spool)).to.equal(2);
    expect([spool.enter(jobIdOf(2)), spool.enter(jobIdOf(3))]).to.deep.equal([false, false]);
    spool.leave();
    expect([spool.enter(jobIdOf(3)), held.rooms]).to.deep.equal([false, 1]);
    spool.forgo(jobIdOf(1));
    spool.forgo(jobIdOf(2));
    expect([held.rooms, spool.enter(jobIdOf(3))]).to.deep.equal([3, true]);
  });

  it('never waits for a place that only the waiting listings hold', async () => {
    const { spool, held } = spoolWith(4 * envelope, 1);
    const rows = enterAll(spool);
    held.spool = 4 * envelope;
    const waiting = Array.from({ length: rows }, () => spool.room(new AbortController().signal));
    held.spool = 0;
    await spool.changed();
    await Promise.all(waiting);
  });

  it('ends a wait for room when its row must stop', async () => {
    const { spool, held } = spoolWith(envelope, 1);
    held.spool = envelope;
    const stop = new AbortController();
    const waiting = spool.room(stop.signal);
    stop.abort();
    await waiting;
    await spool.room(stop.signal);
  });

  it('drops kept results before they and what is not acknowledged pass the quota', async () => {
    const { spool, held, events } = spoolWith(1_000_000, 1);
    Object.assign(held, { spool: 400_000, kept: 600_000 });
    await spool.changed();
    expect(held.trims).to.deep.equal([]);
    held.kept = 600_001;
    await spool.changed();
    expect(held.trims).to.deep.equal([540_000]);
    held.spool = 2_000_000;
    await spool.changed();
    expect(held.kept).to.equal(0);
    expect(events.filter(([name]) => name === 'spool.trimmed').map(([, fields]) => fields)).to.deep.equal([
      { entries: 3, bytes: 540_000, quotaBytes: 1_000_000 },
      { entries: 3, bytes: 0, quotaBytes: 1_000_000 },
    ]);
  });
});
