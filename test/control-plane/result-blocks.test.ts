// Results are stored a frame at a time, and read entry by entry from wherever a reader is; what an older version stored one by one stays readable.
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect } from 'chai';
import type { PeerJob } from '../support/agent-peer.ts';
import { Fixture } from '../support/control-plane-fixture.ts';

describe('control plane: blocks of results', () => {
  let fixture: Fixture;
  let job: PeerJob;
  beforeEach(async () => {
    fixture = await Fixture.start();
    const peer = await fixture.dial(await fixture.pair(), 1);
    await peer.hello();
    peer.credit(1, 1);
    await fixture.createJob(['{"row":0}', '{"row":1}', '{"row":2}', '{"row":3}']);
    job = await peer.job();
    job.accept();
    await peer.next('rows');
    job.runRows(0, 4);
  });
  afterEach(() => fixture.close());

  async function read(after: number): Promise<string[]> {
    const text = await (await fixture.call('GET', `/api/v1/jobs/${job.id}/results?after=${after}`)).text();
    return text.split('\n').filter((line) => line !== '');
  }

  /** Sends frames that end at these sequences. */
  async function send(...lasts: readonly number[]): Promise<void> {
    let first = 1;
    for (const last of lasts) {
      job.sendResults(first, last);
      while ((await job.peer.next('results.ack')).frame.sequence < last) {
        // One ack may stand for several frames, and each frame for one record.
      }
      first = last + 1;
    }
  }

  function onDisk<T>(work: (database: DatabaseSync) => T): T {
    const database = new DatabaseSync(join(fixture.dataDir, 'store.sqlite'));
    try {
      return work(database);
    } finally {
      database.close();
    }
  }

  it('are one record a frame, read from any sequence on', async () => {
    await send(5, 8);
    const records = onDisk((database) => database.prepare('SELECT sequence, count FROM results').all());
    expect(records.map(({ sequence, count }) => [sequence, count])).to.deep.equal([
      [1, 5],
      [6, 3],
    ]);
    for (let after = 0; after <= 8; after += 1) expect(await read(after)).to.deep.equal(job.lines.slice(after));
  });

  it('that an older version stored entry by entry are read after the migration', async () => {
    await send(1, 2, 3, 4);
    await fixture.stop();
    onDisk((database) =>
      database.exec(`
        ALTER TABLE results DROP COLUMN count;
        DELETE FROM kysely_migration WHERE name = '0003-result-blocks';
      `),
    );
    await fixture.open();
    expect(await read(0)).to.deep.equal(job.lines.slice(0, 4));
    expect(await read(2)).to.deep.equal(job.lines.slice(2, 4));
  });
});
