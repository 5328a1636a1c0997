// A program that stands still (SIGSTOP: a suspended machine, a stalled host, a debugger) for longer than the heartbeat, and then goes on as if no time had
// passed. The other end has given the link up by then; nothing is lost and nothing runs twice. FAULTS_PAUSE_SECONDS makes the pauses longer.
import { expect } from 'chai';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Post, Site } from './site.ts';

const heartbeatMs = 300;
/** More than two heartbeats, and the 2 s that the control plane waits for the answer to its close. */
const pauseMs = 1_000 * Number(process.env['FAULTS_PAUSE_SECONDS'] ?? 3.5);
const rows = 60;

describe('a program that stands still', function () {
  this.timeout(120_000 + 10 * pauseMs);
  let site: Site;
  let post: Post;
  let jobs = 0;

  before(async () => {
    site = await Site.start({ heartbeatMs });
    post = await site.post('host-1');
  });

  afterEach(() => go('agent', 'plane'));

  after(() => site[Symbol.asyncDispose]());

  async function started(): Promise<string> {
    const name = `job-${(jobs += 1)}`;
    const job = await site.ask('host-1', { kind: 'create_access_key', name, rows, options: { concurrency: 2 } });
    await site.ended(job, 3);
    return job;
  }

  const stop = (...who: readonly ('agent' | 'plane')[]): void => signal('SIGSTOP', who);
  const go = (...who: readonly ('agent' | 'plane')[]): void => signal('SIGCONT', who);
  function signal(name: 'SIGSTOP' | 'SIGCONT', who: readonly ('agent' | 'plane')[]): void {
    for (const one of who) (one === 'agent' ? post.agent : site.plane.program)?.child.kill(name);
  }

  async function completed(job: string): Promise<void> {
    expect((await site.over(job, 30_000)).outcomes).to.deep.equal({ succeeded: rows });
    await site.judge();
  }

  const closed = (): number => (site.plane.program?.stderr.split('"event":"session.closed"').length ?? 1) - 1;

  it('the agent: the control plane gives the link up, and the agent comes back', async () => {
    const job = await started();
    const before = closed();
    stop('agent');
    await sleep(pauseMs);
    expect(closed(), 'sessions that were closed meanwhile').to.be.above(before);
    go('agent');
    await completed(job);
  });

  it('the agent, in the middle of a call: the answer that came meanwhile is taken', async () => {
    site.awsLink.plan(() => ({
      faults: [{ direction: 'toClient', frame: 'CreateAccessKey', byte: 0, kind: 'stall', forMs: 200 }],
    }));
    const job = await started();
    stop('agent');
    site.awsLink.plan(() => ({}));
    await sleep(pauseMs);
    go('agent');
    await completed(job);
  });

  it('the control plane: the agent gives the link up, dials into nothing, and is taken again', async () => {
    const job = await started();
    const before = post.agent.logs('link.lost').length;
    stop('plane');
    await sleep(pauseMs);
    await post.agent.logged('link.lost', before + 1);
    expect(post.agent.logs('link.lost')[before]).to.include({ code: 'heartbeat_lost' });
    go('plane');
    await completed(job);
  });

  it('both, and the agent goes on first', async () => {
    const job = await started();
    stop('agent', 'plane');
    await sleep(pauseMs);
    go('agent');
    await sleep(300);
    go('plane');
    await completed(job);
  });

  it('both, and the control plane goes on first', async () => {
    const job = await started();
    stop('plane', 'agent');
    await sleep(pauseMs);
    go('plane');
    await sleep(3 * heartbeatMs);
    go('agent');
    await completed(job);
  });

  it('one after the other, again and again', async () => {
    const job = await started();
    for (const who of ['agent', 'plane', 'agent'] as const) {
      stop(who);
      await sleep(pauseMs / 3);
      go(who);
      await sleep(50);
    }
    await completed(job);
  });
});
