// A disk whose commits take 200 ms each. A commit blocks the event loop (decision 0003): one at a time, with a turn of the loop between two, so a
// peer's pings are answered after a commit or two, and no more waits for the disk than rows are under way.
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { stub } from 'sinon';
import { WebSocket, WebSocketServer } from 'ws';
import { nodeHashing } from '../../../node/hashing.ts';
import { GroupCommit } from '../../../agent/io/journal-group.ts';
import { openJournal } from '../../../agent/io/journal-sqlite.ts';
import type { Journal } from '../../../agent/job/journal.ts';
import { isRefusal } from '../../../protocol/error-codes.ts';
import { aConnection, claimsOfChunks, jobFixture, outcomesOf } from '../../support/job-fixture.ts';
import { answerOf, ScriptedCaller } from '../../support/scripted-caller.ts';

const commitMs = 200;
const rowCount = 60;

describe('a slow disk', () => {
  let folder: string;
  let journal: Journal;
  let flush: sinon.SinonStub;
  let commits = 0;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'iam-agent-'));
    const opened = await openJournal({
      directory: join(folder, 'state'),
      key: new Uint8Array(32).fill(7),
      hashing: nodeHashing,
      now: () => Date.now(),
    });
    if (isRefusal(opened)) throw new Error(opened.detail);
    ({ journal } = opened);
    flush = stub(GroupCommit.prototype, 'flush').callsFake(function (this: GroupCommit) {
      commits += 1;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, commitMs);
      flush.wrappedMethod.call(this);
    });
  });

  after(async () => {
    flush.restore();
    await journal.close();
    await rm(folder, { recursive: true, force: true });
  });

  it('answers heartbeats, and holds no more than the rows under way', async () => {
    const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
    await once(server, 'listening');
    const socket = new WebSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`);
    await once(socket, 'open');
    const waits: number[] = [];
    const over = new AbortController();
    const beat = (async () => {
      while (!over.signal.aborted) {
        const askedAt = performance.now();
        socket.ping();
        await once(socket, 'pong');
        waits.push(performance.now() - askedAt);
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    })();
    let [now, most] = [0, 0];
    const caller = new ScriptedCaller(async () => {
      now += 1;
      most = Math.max(most, now);
      await new Promise((resolve) => setImmediate(resolve));
      now -= 1;
      return answerOf('ListAccessKeys', '<AccessKeyMetadata/><IsTruncated>false</IsTruncated>');
    });
    const limits = { ...aConnection.limits, inFlight: 8 };
    const fixture = jobFixture(caller, { journal, connections: new Map([['main', { ...aConnection, limits }]]) });
    const lines = Array.from({ length: rowCount }, (_, index) => `{"user":"user-${index}"}`);
    const record = await fixture.accept(claimsOfChunks([lines]));
    await fixture.jobs.rows(record, 0, lines);
    const before = commits;
    fixture.jobs.start();
    await fixture.jobs.idle();
    over.abort();
    await beat;
    socket.terminate();
    server.close();
    expect(outcomesOf(await fixture.entries())).to.deep.equal({ succeeded: rowCount });
    expect(most).to.be.at.most(8);
    // Rows that end side by side share a commit.
    expect(commits - before).to.be.lessThan(rowCount);
    const longest = Math.max(...waits);
    console.log(
      `      ${commits - before} commits of ${commitMs} ms; longest answer to a ping ${Math.round(longest)} ms`,
    );
    // A ping and its answer are two turns of this one loop, each behind one commit; links are given up after 30 s.
    expect(longest).to.be.lessThan(10 * commitMs);
  });
});
