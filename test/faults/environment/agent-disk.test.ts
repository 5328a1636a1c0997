// The disk under a host's state directory fills up, breaks or turns read-only in the middle of jobs. The agent may end with status 74, as
// docs/operations.md says; it must not say what it did not keep, and once there is room again everything goes on and nothing was done twice.
import { expect } from 'chai';
import { randomInt } from 'node:crypto';
import type { Finished } from '../../support/programs.ts';
import { Random } from '../random.ts';
import { type Post, Site } from './site.ts';
import { type DiskKind, SmallDisk } from './small-disk.ts';

const seed = Number(process.env['FAULTS_SEED'] ?? randomInt(1_000_000));
const rounds = Number(process.env['FAULTS_ROUNDS'] ?? 3);
const ioStatus = 74;

describe("the disk of a host's state directory", function () {
  this.timeout(120_000 + rounds * 30_000);
  let site: Site;
  let post: Post;
  let disk: SmallDisk;
  let jobs = 0;

  beforeEach(async () => {
    site = await Site.start({ heartbeatMs: 2_000 });
  });

  afterEach(async () => {
    await site[Symbol.asyncDispose]();
    await disk?.dispose();
  });

  async function onDisk(kind: DiskKind, kib: number): Promise<void> {
    const paired = await site.pair('host-1');
    disk = await SmallDisk.over(paired.host.stateDir, kind, kib);
    post = site.take(paired, paired.host.run({}, disk.within));
    await post.agent.logged('link.welcomed');
  }

  async function restart(): Promise<void> {
    post.agent = post.host.run({}, disk.within);
    await post.agent.logged('link.welcomed');
  }

  /** What a start comes to that cannot succeed. */
  async function failedStart(): Promise<Finished> {
    const program = post.host.run({}, disk.within);
    post.agent = program;
    const status = await program.exited;
    return { status, stdout: program.stdout, stderr: program.stderr };
  }

  const ask = (rows: number): Promise<string> =>
    site.ask('host-1', { kind: 'create_user', name: `job-${(jobs += 1)}`, rows, options: { concurrency: 2 } });

  async function allDone(asked: readonly string[]): Promise<Record<string, number>> {
    const outcomes: Record<string, number> = {};
    for (const job of asked) {
      const view = await site.over(job);
      expect(view.status).to.equal('completed');
      for (const [outcome, count] of Object.entries(view.outcomes ?? {}))
        outcomes[outcome] = (outcomes[outcome] ?? 0) + count;
    }
    await site.judge();
    return outcomes;
  }

  it('is full: the agent ends with status 74, does not start until there is room, and then goes on', async () => {
    await onDisk('tmpfs', 16_384);
    const first = await ask(120);
    await site.ended(first, 5);
    await disk.fill();
    const second = await ask(800);
    expect(await post.agent.exited).to.equal(ioStatus);
    expect(post.agent.stderr).to.include('state_damaged').and.to.include('the journal failed');
    const before = site.aws.requests;
    const failed = await failedStart();
    expect(failed.status, failed.stderr).to.equal(ioStatus);
    expect(failed.stderr).to.include('state_damaged');
    expect(site.aws.requests, 'calls of an agent that cannot write').to.equal(before);
    await disk.free();
    await restart();
    const { succeeded = 0, unknown = 0 } = await allDone([first, second]);
    expect(succeeded + unknown).to.equal(920);
    // Those whose change was on its way when the disk was full.
    expect(unknown).to.be.at.most(4);
  });

  it('fills up at random moments, and each time everything goes on from what was kept', async () => {
    await onDisk('tmpfs', 16_384);
    const random = new Random(`full disk ${seed}`);
    const asked: string[] = [];
    let ended = 0;
    for (let round = 0; round < rounds; round += 1) {
      const job = await ask(random.between(50, 400));
      asked.push(job);
      await site.ended(job, random.between(0, 40));
      await disk.fill(random.between(0, 60));
      const over = await Promise.race([post.agent.exited, site.over(job).then(() => 'completed' as const)]);
      if (over !== 'completed') {
        expect(over, post.agent.stderr).to.equal(ioStatus);
        ended += 1;
      }
      await disk.free();
      if (over !== 'completed') await restart();
      await site.over(job);
    }
    const outcomes = await allDone(asked);
    console.log(`      seed ${seed}: ${rounds} rounds, ${ended} ends with status 74, rows ${JSON.stringify(outcomes)}`);
  });

  it('breaks and turns read-only under the open journal: status 74, and no dial until it is mended', async () => {
    await onDisk('ext4', 24_576);
    const job = await ask(200);
    await site.ended(job, 5);
    await disk.breakDown();
    expect(await post.agent.exited).to.equal(ioStatus);
    const before = post.link.connections;
    const failed = await failedStart();
    expect(failed.status, failed.stderr).to.equal(ioStatus);
    expect(failed.stderr).to.include('state_damaged');
    expect(post.link.connections, 'dials of an agent that cannot raise its counter').to.equal(before);
    await disk.repair();
    await restart();
    const { succeeded = 0, unknown = 0 } = await allDone([job]);
    expect(succeeded + unknown).to.equal(200);
  });

  it('is read-only at the start: status 74, and all is as before when it is not', async () => {
    await onDisk('tmpfs', 16_384);
    const job = await ask(100);
    await site.ended(job, 5);
    await post.agent.kill();
    await disk.remount('ro');
    const failed = await failedStart();
    expect(failed.status, failed.stderr).to.equal(ioStatus);
    expect(failed.stderr)
      .to.include('state_damaged')
      .and.to.match(/write|read-?only/i);
    await disk.remount('rw');
    await restart();
    await allDone([job]);
  });
});
