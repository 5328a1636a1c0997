// One byte of a message is changed or lost on a link without TLS, at any place and in any kind of message. That may cost a connection, or a job that is
// refused or quarantined with a code; never a wrong result, a second effect or a program that ends. Runs for as long as FAULTS_SECONDS says, in an
// order that the seed decides (FAULTS_SEED).
import { expect } from 'chai';
import { randomInt } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Direction, Fault } from '../../support/fault-plan.ts';
import { Random } from '../random.ts';
import { type Post, Site } from './site.ts';

const seed = Number(process.env['FAULTS_SEED'] ?? randomInt(1_000_000));
const runMs = 1_000 * Number(process.env['FAULTS_SECONDS'] ?? 12);
const heartbeatMs = 300;
const agents = 4;
const rows = 2;

const messages: readonly [Direction, string, number][] = [
  ['toServer', 'upgrade', 660],
  ['toServer', 'hello', 270],
  ['toServer', 'credit', 45],
  ['toServer', 'job.accepted', 155],
  ['toServer', 'results', 590],
  ['toServer', 'job.finished', 810],
  ['toClient', 'upgrade', 160],
  ['toClient', 'welcome', 120],
  ['toClient', 'job', 810],
  ['toClient', 'rows', 120],
  ['toClient', 'results.ack', 155],
  ['toClient', 'job.finished.ack', 145],
];
const openings: ReadonlySet<string> = new Set(['upgrade', 'hello', 'welcome', 'credit']);

function draw(random: Random): Fault {
  const [direction, frame, bytes] = random.pick(messages);
  const place = { direction, frame, byte: random.between(0, bytes - 1) } as const;
  // The frame's own header as often as its text.
  const at = random.chance(0.25) ? { ...place, byte: random.between(0, 7) } : place;
  return random.chance(0.2)
    ? { ...at, kind: 'drop', bytes: 1 }
    : { ...at, kind: 'flip', mask: 1 << random.between(0, 7) };
}

async function cutAll(post: Post): Promise<void> {
  post.link.plan(() => ({}));
  for (const connection of post.link.open) connection.destroy();
  await sleep(0);
}

/** How the job ended. A message that was made unknown is ignored, as a newer version's would be: the next link heals that. */
async function jobWith(site: Site, post: Post, fault: Fault, name: string): Promise<string> {
  const { link } = post;
  const before = link.injected.flip + link.injected.drop;
  const reached = (): boolean => link.injected.flip + link.injected.drop > before;
  link.plan(() => (reached() ? {} : { faults: [fault] }));
  if (openings.has(fault.frame ?? '')) for (const connection of link.open) connection.destroy();
  else link.arm(fault);
  const job = await site.ask(post.name, {
    kind: 'create_user',
    name,
    rows,
    statuses: ['completed', 'rejected', 'quarantined'],
  });
  const view = await site.over(job, 3_000).catch(async () => {
    await cutAll(post);
    return site.over(job);
  });
  await cutAll(post);
  if (view.status === 'completed') expect(view.outcomes, JSON.stringify(fault)).to.deep.equal({ succeeded: rows });
  else expect(view.refusal?.code, JSON.stringify(fault)).to.match(/^[a-z_]+$/);
  return reached() ? `${view.status} ${view.refusal?.code ?? ''}`.trim() : 'not reached';
}

describe('a link that changes a byte', function () {
  this.timeout(runMs + 180_000);
  it('costs a connection or a job, and never gives a wrong result', async () => {
    await using site = await Site.start({ heartbeatMs });
    const allow = ['create_user'];
    const posts: Post[] = [];
    for (let index = 0; index < agents; index += 1) posts.push(await site.post(`host-${index}`, { allow }));
    const random = new Random(`flips ${seed}`);
    const ends: Record<string, number> = {};
    const started = performance.now();
    let count = 0;
    const work = async (post: Post): Promise<void> => {
      while (performance.now() - started < runMs) {
        const end = await jobWith(site, post, draw(random), `flip-${String((count += 1)).padStart(5, '0')}`);
        ends[end] = (ends[end] ?? 0) + 1;
      }
    };
    await Promise.all(posts.map(work));
    await site.judge();
    console.log(`      seed ${seed}: ${count} jobs with a changed byte: ${JSON.stringify(ends)}`);
    for (const { agent, name } of posts) expect(agent.child.exitCode, name).to.equal(null);
    expect(site.plane.isRunning).to.equal(true);
    expect(ends['completed']).to.be.above(0);
    expect(ends['not reached'] ?? 0).to.be.below(count / 4);
  });
});
