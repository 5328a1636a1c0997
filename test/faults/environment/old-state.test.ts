// A state directory that went back in time: a log that lost its end or was damaged, a log that is gone, a snapshot that was put back. What the control
// plane has more of is quarantined and reported, nothing runs a second time, and new jobs work.
import { expect } from 'chai';
import { randomInt } from 'node:crypto';
import { readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Random } from '../random.ts';
import { type Post, Site } from './site.ts';
import { copyState } from '../../support/copy-state.ts';

const seed = Number(process.env['FAULTS_SEED'] ?? randomInt(1_000_000));
const rounds = Number(process.env['FAULTS_ROUNDS'] ?? 4);
/** More of the log than what was under way when the agent was killed, so that the control plane has seen something of what is lost. */
const underWayBytes = 400_000;

describe('a state directory that went back in time', function () {
  this.timeout(120_000 + rounds * 30_000);
  let site: Site;
  let post: Post;
  let jobs = 0;

  beforeEach(async () => {
    site = await Site.start({ heartbeatMs: 2_000 });
    post = await site.post('host-1');
  });

  afterEach(() => site[Symbol.asyncDispose]());

  const wal = (): string => join(post.host.stateDir, 'journal.db-wal');

  const ask = (kind: 'create_access_key' | 'list_access_keys', rows: number): Promise<string> =>
    site.ask('host-1', {
      kind,
      name: `job-${(jobs += 1)}`,
      rows,
      options: { concurrency: 2 },
      statuses: ['completed', 'quarantined'],
    });

  async function killed(): Promise<void> {
    await post.agent.kill();
    while ((await status()) === 'online') await new Promise((resolve) => setTimeout(resolve, 20));
  }

  async function status(): Promise<string | undefined> {
    const { agents } = (await (await site.plane.api('/api/v1/agents')).json()) as {
      agents: { agent: string; status: string }[];
    };
    return agents.find(({ agent }) => agent === 'host-1')?.status;
  }

  /** Starts the agent; an operator clears what its old counter makes. True when that was needed. */
  async function restarted(): Promise<boolean> {
    const agent = post.host.run();
    post.agent = agent;
    await agent.until((one) => one.logs('link.welcomed').length + one.logs('link.rejected').length > 0, 'an answer');
    if (agent.logs('link.rejected').length === 0) return false;
    expect(agent.logs('link.rejected')[0]).to.include({ code: 'session_counter_reused' });
    expect(await status()).to.equal('conflict');
    await site.plane.api('/api/v1/agents/host-1/clear', { method: 'POST' });
    await agent.logged('link.welcomed');
    return true;
  }

  async function works(): Promise<void> {
    expect((await site.over(await ask('create_access_key', 5))).outcomes).to.deep.equal({ succeeded: 5 });
  }

  async function quarantined(job: string): Promise<void> {
    const view = await site.over(job);
    expect(view).to.deep.include({ status: 'quarantined' });
    expect(view.refusal?.code).to.equal('journal_rolled_back');
    await post.agent.logged('job.quarantined');
  }

  /** Kills the agent when its log holds more than what is under way; returns the length of what is in use of the log. */
  async function killedWithLog(): Promise<number> {
    const deadline = Date.now() + 20_000;
    while ((await logEnd(wal())) < 2 * underWayBytes)
      if (Date.now() > deadline) throw new Error('the log does not grow');
    await killed();
    return logEnd(wal());
  }

  async function flip(file: string, at: number): Promise<void> {
    const bytes = await readFile(file);
    bytes.writeUInt8(bytes.readUInt8(at) ^ 0x55, at);
    await writeFile(file, bytes);
  }

  it('by a log that is gone', async () => {
    const job = await ask('create_access_key', 200);
    await site.ended(job, 30);
    await killed();
    const before = site.aws.effects.length;
    await rm(wal());
    expect(await restarted(), 'the counter went back too').to.equal(true);
    await quarantined(job);
    expect(site.aws.effects.length, 'effects').to.equal(before);
    await works();
    await site.judge();
  });

  it('by a log that lost more than its end, or was damaged there: the rest of it does not run', async () => {
    const random = new Random(`old log ${seed}`);
    let conflicts = 0;
    for (let round = 0; round < rounds; round += 1) {
      const job = await ask('create_access_key', 250);
      await site.ended(job, 20);
      const size = await killedWithLog();
      const at = random.between(0, Math.max(size - underWayBytes, 0));
      const before = site.aws.effects.length;
      if (round % 2 === 0) await truncate(wal(), at);
      else await flip(wal(), at);
      if (await restarted()) conflicts += 1;
      await quarantined(job);
      expect(site.aws.effects.length, `effects after byte ${at} of ${size}`).to.equal(before);
      await works();
    }
    await site.judge();
    console.log(`      seed ${seed}: ${rounds} logs, ${conflicts} of them with an old session counter`);
  });

  it('by a log that lost its very end: reads go on, or are quarantined', async () => {
    const random = new Random(`log end ${seed}`);
    const ends: string[] = [];
    for (let round = 0; round < rounds; round += 1) {
      const job = await ask('list_access_keys', 120);
      await site.ended(job, 10);
      await killed();
      const size = await logEnd(wal());
      const at = size - random.between(1, Math.min(size, 60_000));
      if (round % 2 === 0) await truncate(wal(), at);
      else await flip(wal(), at);
      await restarted();
      ends.push((await site.over(job)).status);
      await works();
    }
    await site.judge();
    console.log(`      seed ${seed}: ${ends.join(' ')}`);
  });

  for (const moment of ['before the job', 'in the middle of the job'] as const) {
    it(`by a snapshot of ${moment}`, async () => {
      const snapshot = join(site.folder, 'snapshot');
      const done = await ask('create_access_key', 10);
      await site.over(done);
      const early = moment === 'before the job' ? null : await ask('create_access_key', 200);
      if (early !== null) await site.ended(early, 20);
      await killed();
      await copyState(post.host.stateDir, snapshot);
      await restarted();
      const job = early ?? (await ask('create_access_key', 200));
      await site.ended(job, 60);
      const held = await ask('create_access_key', 300);
      await site.ended(held, 1);
      await killed();
      const before = site.aws.effects.length;
      await rm(post.host.stateDir, { recursive: true });
      await copyState(snapshot, post.host.stateDir);
      expect(await restarted(), 'the old counter was refused').to.equal(true);
      for (const one of [job, held]) {
        const view = await site.over(one);
        expect(['completed', 'quarantined']).to.include(view.status);
      }
      await quarantined(held);
      expect(site.aws.effects.length, 'effects').to.equal(before);
      expect((await site.view(done)).status).to.equal('completed');
      await works();
      await site.judge();
    });
  }
});

/** Bytes of a log that are in use: it is written again from its start, and older frames have another salt (SQLite's file format, section 4.1). */
async function logEnd(file: string): Promise<number> {
  const bytes = await readFile(file);
  if (bytes.length < 32) return 0;
  const frame = 24 + bytes.readUInt32BE(8);
  let end = 32;
  while (end + frame <= bytes.length && bytes.subarray(end + 8, end + 16).equals(bytes.subarray(16, 24))) end += frame;
  return end;
}
