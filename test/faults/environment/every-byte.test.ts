// The link is cut at every byte of every kind of message, in both directions, each time in the middle of a job of its own. All of it takes ten
// minutes: `FAULTS_EVERY_BYTE=1 mocha --no-config --require ./test/setup.ts test/faults/environment/every-byte.test.ts`.
// Otherwise as many bytes are taken as fit into a time, in an order that the seed decides (FAULTS_SEED).
import { expect } from 'chai';
import { randomInt } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Direction } from '../../support/fault-plan.ts';
import { Random } from '../random.ts';
import { type Post, Site } from './site.ts';

const seed = Number(process.env['FAULTS_SEED'] ?? randomInt(1_000_000));
const isWhole = process.env['FAULTS_EVERY_BYTE'] === '1';
const runMs = isWhole ? Infinity : 20_000;
const fewestCuts = 40;
/** A short `hello`: it lists what is allowed. */
const allow = ['list_access_keys'];
const agents = isWhole ? 8 : 5;

interface Cut {
  readonly direction: Direction;
  readonly frame: string;
  readonly byte: number;
  readonly kind: 'truncate' | 'reset';
}

/** Messages that only a new connection has. */
const openings: ReadonlySet<string> = new Set(['upgrade', 'hello', 'welcome', 'credit']);

/** Of every kind of message, the length of the one that a small job makes. */
async function lengthsOf(site: Site): Promise<Map<string, { direction: Direction; bytes: number }>> {
  const lengths = new Map<string, { direction: Direction; bytes: number }>();
  const post = await site.post('sample', {
    allow,
    observe: (direction, name, bytes) => {
      if (name !== 'bytes') lengths.set(`${direction} ${name}`, { direction, bytes });
    },
  });
  await site.over(await site.ask(post.name, smallJob('cut-first')));
  await post.agent.kill('SIGTERM');
  for (const name of lengths.keys()) if (/ (ping|pong|close|draining)$/.test(name)) lengths.delete(name);
  return lengths;
}

const smallJob = (name: string) => ({ kind: 'list_access_keys', name, rows: 2 }) as const;

async function cutsOf(site: Site): Promise<Cut[]> {
  const all: Cut[] = [];
  for (const [name, { direction, bytes }] of await lengthsOf(site)) {
    const frame = name.split(' ')[1] ?? '';
    for (let byte = 0; byte <= bytes; byte += 1)
      all.push({ direction, frame, byte, kind: byte % 3 === 2 ? 'reset' : 'truncate' });
  }
  if (isWhole) return all;
  const random = new Random(`every byte ${seed}`);
  const drawn = all
    .map((cut) => ({ cut, at: random.next() }))
    .toSorted((one, other) => one.at - other.at)
    .map(({ cut }) => cut);
  // One of each kind of message by turns, so that a long one does not take the time of the others.
  const kinds = [...Map.groupBy(drawn, ({ direction, frame }) => `${direction} ${frame}`).values()];
  return Array.from({ length: drawn.length }, (_, turn) => kinds.map((cuts) => cuts[turn]))
    .flat()
    .filter((cut) => cut !== undefined);
}

/** A job whose link is cut at that byte, once; the connections after it are left alone. True when the byte came by. */
async function jobCutAt(site: Site, post: Post, cut: Cut, name: string): Promise<boolean> {
  const { link } = post;
  const before = link.injected.truncate + link.injected.reset;
  const reached = (): boolean => link.injected.truncate + link.injected.reset > before;
  link.plan(() => (reached() ? {} : { faults: [cut] }));
  if (openings.has(cut.frame)) for (const connection of link.open) connection.destroy();
  else link.arm(cut);
  const view = await site.over(await site.ask(post.name, smallJob(name)));
  expect(view, JSON.stringify(cut)).to.deep.include({ status: 'completed', outcomes: { succeeded: 2 } });
  // The last acknowledgement may still be on its way.
  for (let left = 100; left > 0 && !reached(); left -= 1) await sleep(10);
  link.plan(() => ({}));
  return reached();
}

describe('a link that is cut at a byte', () => {
  it('loses and doubles nothing, whatever byte it is', async function () {
    this.timeout(isWhole ? 0 : 180_000);
    await using site = await Site.start({ heartbeatMs: 5_000 });
    const cuts = await cutsOf(site);
    const posts: Post[] = [];
    for (let index = 0; index < agents; index += 1) posts.push(await site.post(`host-${index}`, { allow }));
    const left = cuts.entries();
    const done: Cut[] = [];
    const missed: string[] = [];
    const started = performance.now();
    const work = async (post: Post): Promise<void> => {
      while (performance.now() - started < runMs) {
        const next = left.next();
        if (next.done === true) return;
        const [index, cut] = next.value;
        const name = `cut-${String(index).padStart(5, '0')}`;
        if (!(await jobCutAt(site, post, cut, name))) missed.push(JSON.stringify(cut));
        done.push(cut);
      }
    };
    await Promise.all(posts.map(work));
    const { requests } = site.aws;
    await site.judge();
    const kinds = new Set(done.map(({ frame }) => frame));
    const seconds = Math.round((performance.now() - started) / 1000);
    console.log(
      `      seed ${seed}: ${done.length} of ${cuts.length} cuts, ${kinds.size} kinds of message, ${seconds} s`,
    );
    // No process ended, so no row has a reason to run twice.
    expect(requests, 'calls to AWS').to.equal(2 * (done.length + 1));
    expect(missed, 'cuts that were not reached').to.deep.equal([]);
    expect(done).to.have.length.above(fewestCuts);
    expect(kinds.size).to.equal(new Set(cuts.map(({ frame }) => frame)).size);
  });
});
