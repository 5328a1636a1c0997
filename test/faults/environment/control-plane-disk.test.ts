// The disk under the control plane's store fills up or breaks while results come in: nothing is acknowledged that is not stored, the API says that it
// failed, and once there is room again every row that ran is there, once.
import { expect } from 'chai';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Post, Site } from './site.ts';
import { type DiskKind, SmallDisk } from './small-disk.ts';

const rows = 500;

describe("the disk of the control plane's store", function () {
  this.timeout(180_000);
  let site: Site;
  let post: Post;
  let disk: SmallDisk;
  let jobs = 0;

  beforeEach(async () => {
    site = await Site.start({ heartbeatMs: 1_000 });
  });

  afterEach(async () => {
    await site[Symbol.asyncDispose]();
    await disk?.dispose();
  });

  async function onDisk(kind: DiskKind, kib: number): Promise<void> {
    const paired = await site.pair('host-1');
    await site.plane.kill('SIGTERM');
    disk = await SmallDisk.over(site.plane.folder, kind, kib);
    site.plane.serverWithin = disk.within;
    await site.restartPlane();
    post = site.take(paired, paired.host.run());
    await post.agent.logged('link.welcomed');
  }

  const ask = (): Promise<string> =>
    site.ask('host-1', { kind: 'create_user', name: `job-${(jobs += 1)}`, rows, options: { concurrency: 2 } });

  /** The store as it is now, where this process can see it. */
  async function judge(): Promise<void> {
    site.storeFolder = `${site.plane.folder}-copy`;
    await disk.shell('mkdir -p "$2"; cp "$1"/store.sqlite* "$2"', site.storeFolder);
    await site.judge();
  }

  async function full(job: string): Promise<void> {
    await disk.fill();
    // The log that is written in place may have room for a little more.
    expect(await untilRefused()).to.equal('internal');
    expect((await site.view(job)).rows.ended, 'rows whose results fit').to.be.below(rows);
  }

  /** Creates jobs until one is refused; the code of the refusal. */
  async function untilRefused(): Promise<string> {
    const body = JSON.stringify({ agent: 'host-1', connection: 'prod', action: 'list_users', inputs: {} });
    for (let left = 200; left > 0; left -= 1) {
      const text = `${body}\n${`{"pad":"${'x'.repeat(1_000)}"}\n`.repeat(50)}`;
      const headers = { 'content-type': 'application/x-ndjson' };
      const made = await site.plane.api('/api/v1/jobs', { method: 'POST', headers, body: text });
      if (made.status >= 500) return ((await made.json()) as { error: { code: string } }).error.code;
    }
    throw new Error('the full disk took 200 jobs');
  }

  it('is full: results wait at the agent, and come when there is room, without a restart of anything', async () => {
    await onDisk('tmpfs', 24_576);
    const job = await ask();
    await site.ended(job, 5);
    await full(job);
    await sleep(1_500);
    expect(site.plane.isRunning).to.equal(true);
    expect(post.agent.child.exitCode).to.equal(null);
    await disk.free();
    const view = await site.over(job, 40_000);
    expect(view.outcomes).to.deep.equal({ succeeded: rows });
    expect((await site.over(await ask(), 40_000)).outcomes).to.deep.equal({ succeeded: rows });
    await judge();
  });

  it('is full, and the control plane is killed and started on it: it says why, and goes on when there is room', async () => {
    await onDisk('tmpfs', 24_576);
    const job = await ask();
    await site.ended(job, 5);
    await full(job);
    await site.plane.kill();
    // A start on a full disk may work or fail; failing must say so and leave the store as it was.
    const started = await site.restartPlane().then(
      () => 'started',
      (error: Error) => error.message,
    );
    if (started !== 'started') expect(started).to.match(/state_damaged|full|space/);
    await site.plane.kill();
    await disk.free();
    await site.restartPlane();
    expect((await site.over(job, 40_000)).outcomes).to.deep.equal({ succeeded: rows });
    await judge();
  });

  it('turns read-only under the open store: nothing is acknowledged, and all of it comes after the repair', async () => {
    await onDisk('ext4', 32_768);
    const job = await ask();
    await site.ended(job, 5);
    await disk.breakDown();
    expect(await untilRefused()).to.equal('internal');
    const { rows: seen } = await site.view(job);
    await sleep(1_500);
    expect((await site.view(job)).rows.ended, 'rows of a store that cannot be written').to.equal(seen.ended);
    expect(post.agent.child.exitCode).to.equal(null);
    await site.plane.kill();
    await disk.repair();
    await site.restartPlane();
    expect((await site.over(job, 40_000)).outcomes).to.deep.equal({ succeeded: rows });
    await judge();
  });
});
