// Results are forgotten after their retention, jobs stay known; queued jobs end at their latest start without any agent.
import { expect } from 'chai';
import { JobWatch } from '../../control-plane/job-watch.ts';
import { runRetention } from '../../control-plane/retention.ts';
import { Sealer } from '../../control-plane/store/seal.ts';
import { openSqliteStore } from '../../control-plane/store/sqlite.ts';
import { join } from 'node:path';
import { readFile } from 'node:fs/promises';
import { Fixture } from '../support/control-plane-fixture.ts';

const dayMs = 86_400_000;

describe('control plane: retention', () => {
  let fixture: Fixture;
  beforeEach(async () => {
    fixture = await Fixture.start();
  });
  afterEach(async () => {
    expect(fixture.faults()).to.deep.equal([]);
    await fixture.close();
  });

  /** One run of the housekeeping, on the store of a control plane that is stopped. */
  async function run(aheadMs: number): Promise<void> {
    await fixture.stop();
    const key = Buffer.from((await readFile(join(fixture.dataDir, 'store.key'), 'utf8')).trim(), 'base64url');
    const store = await openSqliteStore(join(fixture.dataDir, 'store.sqlite'), new Sealer(key));
    const now = (): number => Date.now() + aheadMs;
    const deps = { store, watch: new JobWatch(), emit: () => {}, now, resultRetentionDays: 30 };
    await runRetention(deps, new AbortController().signal);
    await store.close();
    await fixture.open();
  }

  it('forgets results 30 days after the end of their job, and not before', async () => {
    const peer = await fixture.dial(await fixture.pair(), 1);
    await peer.hello();
    peer.credit(2, 9);
    const { job } = await fixture.createJob(Array.from({ length: 1_500 }, (_, row) => `{"row":${row}}`));
    const open = await fixture.createJob();
    const token = await peer.job();
    const running = await peer.job();
    for (const one of [token, running]) one.accept();
    await token.complete();
    running.runRows(0, 1);
    running.sendResults(1);
    await peer.settled();
    const lines = async (id: string): Promise<number> =>
      (await (await fixture.call('GET', `/api/v1/jobs/${id}/results`)).text()).split('\n').length - 1;
    await run(29 * dayMs);
    expect(await lines(job)).to.equal(3_000);
    await run(31 * dayMs);
    expect(await lines(job)).to.equal(0);
    expect(await lines(open.job), 'a job that has not ended keeps its results').to.equal(2);
    expect(await fixture.job(job)).to.include({ status: 'completed', last_sequence: 3_000 });
  });

  it('ends queued jobs whose latest start has passed', async () => {
    await fixture.invite();
    const short = await fixture.createJob([], { ttl_seconds: 60 });
    const long = await fixture.createJob([], { ttl_seconds: 600 });
    await run(61_000);
    expect((await fixture.job(short.job)).status).to.equal('expired');
    expect((await fixture.job(long.job)).status).to.equal('queued');
  });
});
