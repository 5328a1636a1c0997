// Two agents with copies of one state directory. Whatever the order in which they dial, nothing is done twice: from the moment at which the control plane
// has seen a counter that does not grow, neither copy is told anything new until an operator has looked.
import { expect } from 'chai';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Host, type Program } from '../../support/programs.ts';
import { type Post, Site } from './site.ts';
import { copyState } from '../../support/copy-state.ts';

const rows = 20;

describe('a cloned identity', function () {
  this.timeout(120_000);
  let site: Site;
  let post: Post;
  let clone: Program | null;

  beforeEach(async () => {
    site = await Site.start({ heartbeatMs: 1_000 });
    post = await site.post('host-1');
    clone = null;
  });

  afterEach(async () => {
    await clone?.kill();
    await site[Symbol.asyncDispose]();
  });

  /** A copy of the host as it stands; the agent does not run while it is made. */
  async function copied(): Promise<Host> {
    await post.agent.kill();
    const folder = join(site.folder, 'copy');
    await copyState(post.host.folder, folder);
    return new Host(folder);
  }

  async function state(): Promise<string | undefined> {
    const { agents } = (await (await site.plane.api('/api/v1/agents')).json()) as {
      agents: { agent: string; status: string }[];
    };
    return agents.find(({ agent }) => agent === 'host-1')?.status;
  }

  const clear = (): Promise<Response> => site.plane.api('/api/v1/agents/host-1/clear', { method: 'POST' });
  const conflicts = (): number => site.plane.program?.stderr.split('"event":"agent.conflict"').length ?? 0;

  it('gets no work while both run, is reported, and works again when an operator has cleared it', async () => {
    const copy = await copied();
    post.agent = post.host.run();
    await post.agent.logged('link.welcomed');
    const before = await site.ask('host-1', { kind: 'create_user', name: 'before', rows });
    await site.over(before);
    clone = copy.run();
    await clone.logged('link.rejected');
    expect(clone.logs('link.rejected')[0]).to.include({ code: 'session_counter_reused', status: 409 });
    expect(await state()).to.equal('conflict');
    expect(conflicts()).to.be.above(1);
    const held = await site.ask('host-1', { kind: 'create_user', name: 'held', rows });
    await sleep(2_500);
    expect((await site.view(held)).status).to.equal('queued');
    expect([post.agent.child.exitCode, clone.child.exitCode]).to.deep.equal([null, null]);
    await clone.kill();
    expect((await clear()).status).to.equal(200);
    expect((await site.over(held)).outcomes).to.deep.equal({ succeeded: rows });
    expect(await state()).to.equal('online');
    await site.judge();
  });

  it('does no row twice when it was copied with a job that had not begun', async () => {
    // Accepted, and the link ends before its rows come: both copies hold the job, and neither has run anything of it.
    post.link.plan(() => ({ connect: 'reset' }));
    post.link.arm({ direction: 'toClient', frame: 'rows', byte: 0, kind: 'reset' });
    const job = await site.ask('host-1', {
      kind: 'create_access_key',
      name: 'job',
      rows,
      statuses: ['completed', 'quarantined'],
    });
    await post.agent.logged('job.accepted');
    await post.agent.logged('link.lost');
    const copy = await copied();
    post.link.plan(() => ({}));
    // AWS is slow to answer: the original has begun, and the control plane has seen nothing of it, when the copy comes.
    site.awsLink.plan(() => ({
      faults: [{ direction: 'toClient', frame: 'CreateAccessKey', byte: 0, kind: 'stall', forMs: 4_000 }],
    }));
    post.agent = post.host.run();
    await post.agent.logged('link.welcomed');
    while (site.aws.effects.length === 0) await sleep(10);
    clone = copy.run();
    await clone.logged('link.rejected');
    await sleep(3_000);
    site.awsLink.plan(() => ({}));
    await sleep(2_000);
    await clone.kill();
    await clear();
    await site.over(job);
    await site.judge();
  });
});
