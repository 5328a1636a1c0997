// Links that die without a word, hang, crawl or repeat themselves, in the middle of jobs: what both ends must notice they notice within a few
// heartbeats, and what they need not notice changes nothing.
import { expect } from 'chai';
import type { Direction } from '../../support/fault-plan.ts';
import { type Post, Site } from './site.ts';

const heartbeatMs = 400;
const rows = 30;

describe('a link that goes wrong', function () {
  this.timeout(120_000);
  let site: Site;
  let post: Post;
  let jobs = 0;

  before(async () => {
    site = await Site.start({ heartbeatMs });
    post = await site.post('host-1');
  });

  after(() => site[Symbol.asyncDispose]());

  afterEach(async () => {
    post.link.plan(() => ({}));
    await site.judge();
  });

  const ask = (): Promise<string> =>
    site.ask('host-1', { kind: 'create_user', name: `job-${(jobs += 1)}`, rows, options: { concurrency: 1 } });

  async function completed(job: string): Promise<void> {
    expect((await site.over(job)).outcomes).to.deep.equal({ succeeded: rows });
  }

  const lost = (): readonly unknown[] => post.agent.logs('link.lost').map(({ code }) => code);

  for (const [direction, who] of [
    ['toServer', 'the control plane'],
    ['toClient', 'the agent'],
  ] as const) {
    it(`is given up by the other end when ${who} is gone without a word`, async () => {
      const before = lost().length;
      const job = await ask();
      await site.ended(job, 3);
      const started = performance.now();
      post.link.strike(direction, { kind: 'half_open' });
      await post.agent.logged('link.lost', before + 1);
      const noticedMs = performance.now() - started;
      await completed(job);
      if (direction === 'toServer') {
        expect(lost()[before]).to.equal('heartbeat_lost');
        // Two pings without an answer, and the wait before each.
        expect(noticedMs).to.be.within(heartbeatMs, 3 * heartbeatMs + 1_500);
      }
    });
  }

  it('is given up by both ends when nothing passes any more', async () => {
    const before = lost().length;
    const job = await ask();
    await site.ended(job, 3);
    for (const direction of ['toServer', 'toClient'] as const)
      post.link.strike(direction, { kind: 'stall', forMs: null });
    await post.agent.logged('link.lost', before + 1);
    expect(lost()[before]).to.equal('heartbeat_lost');
    await completed(job);
    const closed = site.plane.program?.stderr.includes('session.closed');
    expect(closed, 'the control plane closed the dead session').to.equal(true);
    for (const connection of post.link.open) connection.resume();
  });

  for (const direction of ['toServer', 'toClient'] as const) {
    it(`goes on after a pause that is shorter than two heartbeats, ${direction}`, async () => {
      const before = lost().length;
      const job = await ask();
      await site.ended(job, 3);
      post.link.strike(direction, { kind: 'stall', forMs: heartbeatMs });
      await completed(job);
      expect(lost()).to.have.length(before);
    });
  }

  it('is slow both ways, and nothing is lost', async () => {
    for (const direction of ['toServer', 'toClient'] as const) {
      post.link.strike(direction, { kind: 'slow', bytesPerSecond: 20_000 });
      post.link.strike(direction, { kind: 'delay', ms: 15 });
    }
    await completed(await ask());
    for (const connection of post.link.open) connection.destroy();
  });

  const doubled: readonly [Direction, readonly string[]][] = [
    ['toServer', ['hello', 'credit', 'job.accepted', 'results', 'job.progress', 'job.finished']],
    ['toClient', ['welcome', 'job', 'rows', 'results.ack', 'job.finished.ack']],
  ];
  for (const [direction, frames] of doubled) {
    for (const frame of frames) {
      it(`changes nothing when the first two ${frame} messages come twice`, async () => {
        const before = post.link.injected.duplicate;
        const twice = { direction, frame, byte: 0, kind: 'duplicate', bytes: 2 ** 20 } as const;
        post.link.plan(() => ({ faults: [twice, { ...twice, nth: 2 }] }));
        const connects = post.agent.logs('link.connected').length;
        for (const connection of post.link.open) connection.destroy();
        await post.agent.logged('link.connected', connects + 1);
        const job = await ask();
        await completed(job);
        if (frame !== 'job.progress') expect(post.link.injected.duplicate).to.be.above(before);
      });
    }
  }

  it('is refused and reset for a while', async () => {
    const job = await ask();
    await site.ended(job, 3);
    post.link.plan((connection) => (connection % 3 === 0 ? {} : { connect: 'reset' }));
    post.link.refuse(700);
    for (const connection of post.link.open) connection.destroy();
    await completed(job);
    expect(post.link.injected).to.include({ refuse: 1 });
    expect(post.agent.logs('link.unreachable').length).to.be.above(0);
  });
});
