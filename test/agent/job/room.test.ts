// What the control plane may still send: totals that only grow, room that is really there, and the end of a session that takes more.
import { expect } from 'chai';
import { maxOpenJobs, type Jobs } from '../../../agent/job/jobs.ts';
import { Room } from '../../../agent/job/room.ts';
import type { Credit } from '../../../protocol/credit.ts';
import type { FrameToControlPlane } from '../../../protocol/frames-to-control-plane.ts';

/** Open jobs, each with so many chunks in the journal. */
function roomWith(buffered: number[]) {
  const told: Credit[] = [];
  const out = {
    open: true,
    send: (frame: FrameToControlPlane) =>
      void (frame.type === 'credit' && told.push({ jobs: frame.jobs, chunks: frame.chunks })),
    ready: () => Promise.resolve(),
  };
  const jobs = {
    get open() {
      return buffered.map((bufferedChunks) => ({ bufferedChunks }));
    },
  };
  return { room: new Room(jobs as unknown as Jobs, out), told };
}

describe('room', () => {
  it('is told once it is open, and again only when it grew', () => {
    const { room, told } = roomWith([]);
    room.tell();
    expect(told).to.deep.equal([]);
    room.open();
    room.tell();
    expect(told).to.deep.equal([{ jobs: maxOpenJobs, chunks: 128 }]);
  });

  it('grows by what was taken and is done, never shrinks', () => {
    const buffered = [0];
    const { room, told } = roomWith(buffered);
    room.open();
    expect(told.at(-1)).to.deep.equal({ jobs: maxOpenJobs - 1, chunks: 128 });
    for (let chunk = 0; chunk < 70; chunk += 1) expect(room.took('chunks')).to.equal(undefined);
    buffered[0] = 70;
    room.tell();
    expect(told).to.have.length(1);
    buffered[0] = 2;
    room.tell();
    expect(told.at(-1)).to.deep.equal({ jobs: maxOpenJobs - 1, chunks: 196 });
    buffered.push(0, 0);
    room.tell();
    expect(told).to.have.length(2);
  });

  it('is not told again while more than half of it is left', () => {
    const { room, told } = roomWith([]);
    room.open();
    for (let taken = 0; taken < 40; taken += 1) {
      room.took('jobs');
      room.took('chunks');
      room.tell();
    }
    expect(told).to.have.length(1);
    for (let taken = 0; taken < 10; taken += 1) room.took('jobs');
    room.tell();
    expect(told.slice(1)).to.deep.equal([{ jobs: maxOpenJobs + 50, chunks: 168 }]);
  });

  it('grants no job without room for a chunk beside it', () => {
    const { room, told } = roomWith([120]);
    room.open();
    expect(told).to.deep.equal([{ jobs: 8, chunks: 8 }]);
    const full = roomWith([200]);
    full.room.open();
    expect(full.told).to.deep.equal([]);
  });

  it('ends a session that takes more than it was told, and nothing before that', () => {
    for (const what of ['jobs', 'chunks'] as const) {
      const { room, told } = roomWith([]);
      expect(room.took(what)?.code, 'before the first credit').to.equal('over_credit');
      const fresh = roomWith([]);
      fresh.room.open();
      const most = fresh.told[0]?.[what] ?? 0;
      for (let count = 0; count < most; count += 1) expect(fresh.room.took(what)).to.equal(undefined);
      expect(fresh.room.took(what)?.code).to.equal('over_credit');
      expect(told).to.deep.equal([]);
    }
  });

  it('of a draining agent has no place for a new job, and still for chunks of those it has', () => {
    const buffered = [1];
    const { room, told } = roomWith(buffered);
    room.close();
    room.open();
    expect(told).to.deep.equal([{ jobs: 0, chunks: 127 }]);
  });
});
