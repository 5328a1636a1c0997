// The wall clock of one program jumps by hours in the middle of jobs, forth and back. No row is lost; what has expired stays expired and says so; what
// cannot be judged while the clocks differ is refused with a code, and all goes on when the clock is right again.
import { expect } from 'chai';
import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Post, Site } from './site.ts';

const hourMs = 3_600_000;
const preload = new URL('shifted-clock.ts', import.meta.url).href;

describe('a clock that jumps', function () {
  this.timeout(120_000);
  let site: Site;
  let post: Post;
  let jobs = 0;

  beforeEach(async () => {
    site = await Site.start({ heartbeatMs: 1_000 });
    const paired = await site.pair('host-1');
    set('agent', 0);
    set('plane', 0);
    site.plane.serverEnv = environment('plane');
    await site.plane.kill('SIGTERM');
    await site.restartPlane();
    post = site.take(paired, paired.host.run(environment('agent')));
    await post.agent.logged('link.welcomed');
  });

  afterEach(() => site[Symbol.asyncDispose]());

  const clock = (program: 'agent' | 'plane'): string => join(site.folder, `${program}.clock`);
  const environment = (program: 'agent' | 'plane'): NodeJS.ProcessEnv => ({
    NODE_OPTIONS: `--import ${preload}`,
    FAULTS_CLOCK: clock(program),
  });

  /** At once, and never half written. */
  function set(program: 'agent' | 'plane', offMs: number): void {
    writeFileSync(`${clock(program)}.new`, String(offMs));
    renameSync(`${clock(program)}.new`, clock(program));
  }

  const ask = (rows: number, ttlSeconds: number, statuses: readonly string[] = ['completed']): Promise<string> =>
    site.ask('host-1', {
      kind: 'create_user',
      name: `job-${(jobs += 1)}`,
      rows,
      ttlSeconds,
      statuses,
      options: { concurrency: 1 },
    });

  /** Ends every connection; the agent has to dial with the clocks as they are. */
  function cut(): void {
    for (const connection of post.link.open) connection.destroy();
  }

  /** The next dial is answered with no, because the clocks differ; the one after the clock was set right is taken. */
  async function dialsWhenRight(program: 'agent' | 'plane'): Promise<void> {
    const [rejected, welcomed] = [post.agent.logs('link.rejected').length, post.agent.logs('link.welcomed').length];
    cut();
    await post.agent.logged('link.rejected', rejected + 1);
    expect(post.agent.logs('link.rejected').at(-1)).to.include({ code: 'session_rejected', status: 401 });
    set(program, 0);
    await post.agent.logged('link.welcomed', welcomed + 1);
  }

  it('forth at the agent: rows that have not begun end as expired, and stay so when it is set back', async () => {
    const job = await ask(200, 3_600, ['expired']);
    await site.ended(job, 5);
    set('agent', 2 * hourMs);
    const view = await site.over(job);
    expect(view.status).to.equal('expired');
    const { succeeded = 0, expired = 0, ...others } = view.outcomes ?? {};
    expect(others).to.deep.equal({});
    expect(succeeded + expired).to.equal(200);
    expect(expired).to.be.above(0);
    const done = site.aws.effects.length;
    set('agent', 0);
    await sleep(500);
    expect(site.aws.effects.length, 'calls after the clock was set back').to.equal(done);
    // The newest time that the host has seen decides, so that setting a clock back brings nothing to life: until that time a token has expired.
    const later = await ask(1, 3_600, ['rejected']);
    expect((await site.over(later)).refusal?.code).to.equal('token_expired');
    await site.judge();
  });

  it('forth at the agent, but not beyond the time of the job, and back: it goes on as if nothing had been', async () => {
    const job = await ask(100, 24 * 3_600);
    await site.ended(job, 5);
    set('agent', 2 * hourMs);
    await dialsWhenRight('agent');
    expect((await site.over(job)).outcomes).to.deep.equal({ succeeded: 100 });
    await site.judge();
  });

  it('back at the agent: rows go on, and the latest start of a call stays where it was', async () => {
    const job = await ask(1_000, 3, ['expired']);
    await site.ended(job, 5);
    set('agent', -2 * hourMs);
    const view = await site.over(job, 10_000);
    expect(view.status).to.equal('expired');
    const { succeeded = 0, expired = 0 } = view.outcomes ?? {};
    expect(succeeded).to.be.above(5);
    expect(succeeded + expired).to.equal(1_000);
    await dialsWhenRight('agent');
    expect((await site.over(await ask(5, 60))).outcomes).to.deep.equal({ succeeded: 5 });
    await site.judge();
  });

  it('back at the agent, which is killed and started: what had expired does not start again', async () => {
    const job = await ask(500, 2, ['expired']);
    await site.ended(job, 5);
    await post.agent.kill();
    await sleep(2_000);
    // Started once with the right clock, so that the host has seen that time.
    post.agent = post.host.run(environment('agent'));
    await post.agent.logged('link.welcomed');
    const view = await site.over(job);
    expect(view.status).to.equal('expired');
    await post.agent.kill();
    set('agent', -2 * hourMs);
    const done = site.aws.effects.length;
    post.agent = post.host.run(environment('agent'));
    await post.agent.logged('link.rejected');
    set('agent', 0);
    await post.agent.logged('link.welcomed');
    expect((await site.over(await ask(5, 60))).outcomes).to.deep.equal({ succeeded: 5 });
    expect(site.aws.effects.length).to.equal(done + 5);
    await site.judge();
  });

  for (const [way, offMs, code] of [
    ['forth', 3 * hourMs, 'token_not_yet_valid'],
    ['back', -3 * hourMs, 'token_expired'],
  ] as const) {
    it(`${way} at the control plane: jobs under way go on, and new ones are refused until it is right`, async () => {
      const job = await ask(200, 24 * 3_600);
      await site.ended(job, 5);
      set('plane', offMs);
      const meanwhile = await ask(2, 600, ['rejected']);
      expect((await site.over(meanwhile)).refusal?.code).to.equal(code);
      await dialsWhenRight('plane');
      expect((await site.over(job)).outcomes).to.deep.equal({ succeeded: 200 });
      expect((await site.over(await ask(5, 60))).outcomes).to.deep.equal({ succeeded: 5 });
      await site.judge();
    });
  }

  it('to and fro at both while jobs run: nothing is lost, nothing is doubled', async () => {
    const job = await ask(300, 24 * 3_600);
    await site.ended(job, 5);
    const offsets = [1, -2, 3, -1, 2, -3].map((hours) => hours * hourMs);
    for (const [index, offMs] of offsets.entries()) {
      set(index % 2 === 0 ? 'plane' : 'agent', offMs);
      await sleep(150);
      if (index % 3 === 2) cut();
    }
    set('agent', 0);
    set('plane', 0);
    expect((await site.over(job)).outcomes).to.deep.equal({ succeeded: 300 });
    await site.judge();
  });
});
