// Dies at every commit of a small job, before and after the commit took, and at every commit of the run after that too; and a disk that fails
// at every commit. Whatever the moment: every row ends exactly once, the sequence has no gap, the chain fits, and no change is sent twice.
import { expect } from 'chai';
import { nodeHashing } from '../../../node/hashing.ts';
import type { Clock } from '../../../agent/job/clock.ts';
import type { JobsPorts } from '../../../agent/job/jobs.ts';
import type { Change, Journal } from '../../../agent/job/journal.ts';
import { TrustedTime } from '../../../agent/job/trusted-time.ts';
import { chainAll, chainStart, chunkDigest } from '../../../protocol/digest-chain.ts';
import type { JobClaims } from '../../../protocol/job-claims.ts';
import { claimsOf, jobIdOf } from '../../contract/journal-samples.ts';
import { jobFixture } from '../../support/job-fixture.ts';
import { memoryJournal } from '../../support/journal-memory.ts';
import { answerOf, ScriptedCaller } from '../../support/scripted-caller.ts';

const id = jobIdOf(1);
const lines = ['{"user":"alice"}', '{"user":"bob"}', '{"user":"carol"}'];
const users = ['alice', 'bob', 'carol'];
const nowMs = 1_700_000_100_000;

let sleptMs = 0;
const clock: Clock = {
  now: () => nowMs,
  monotonicMs: () => sleptMs,
  sleep: (ms, signal) =>
    new Promise((resolve, reject) => {
      signal?.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
      // The wait for the job's last moment never ends; the waits of reading back are over at once.
      if (ms >= 30_000) return;
      sleptMs += ms;
      setImmediate(resolve);
    }),
  random: () => 0.5,
};

interface Work {
  readonly action: string;
  readonly operation: string;
  readonly inputs: JobClaims['inputs'];
  readonly changes: boolean;
  /** Envelopes of a row that was not disturbed. */
  readonly items: number;
}

const username = { Username: '{{ user }}' };
const works: readonly Work[] = [
  { action: 'list_access_keys', operation: 'ListAccessKeys', inputs: username, changes: false, items: 2 },
  { action: 'create_access_key', operation: 'CreateAccessKey', inputs: username, changes: true, items: 1 },
  {
    action: 'update_access_key',
    operation: 'UpdateAccessKey',
    inputs: { ...username, 'Access Key': 'AKIAEXAMPLE000000001', Status: 'Inactive' },
    changes: true,
    items: 1,
  },
];

function claimsFor(work: Work): JobClaims {
  const rows = { count: lines.length, chunks: [{ rows: lines.length, digest: chunkDigest(nodeHashing, lines) }] };
  return { ...claimsOf(id, [], work.inputs), action: work.action, rows };
}

const member = (user: unknown, number: number): string =>
  `<member><UserName>${String(user)}</UserName><AccessKeyId>AKIAEXAMPLE00000000${number}</AccessKeyId><Status>Active</Status></member>`;

/** An account in which each user gets one more key by each create. */
function makeAccount(): ScriptedCaller {
  return new ScriptedCaller((request) => {
    const user = request.input['UserName'];
    if (request.operation === 'ListAccessKeys') {
      const second = request.input['Marker'] !== undefined;
      const more = second ? '<IsTruncated>false</IsTruncated>' : '<IsTruncated>true</IsTruncated><Marker>two</Marker>';
      return answerOf(
        'ListAccessKeys',
        `<AccessKeyMetadata>${member(user, second ? 2 : 1)}</AccessKeyMetadata>${more}`,
      );
    }
    if (request.operation === 'CreateAccessKey') {
      const key = member(user, 3).replaceAll(/<\/?member>/g, '');
      return answerOf('CreateAccessKey', `<AccessKey>${key}<SecretAccessKey>s</SecretAccessKey></AccessKey>`);
    }
    return answerOf(request.operation, null);
  });
}

type Death = { readonly at: number; readonly took: boolean };

/** The disk of a process that dies at its `at`th commit; from then on nothing that it waits for comes. */
function dying(inner: Journal, death: Death | null): { journal: Journal; died: Promise<void>; commits: () => number } {
  let commits = 0;
  let dead = false;
  let die: () => void = () => undefined;
  const died = new Promise<void>((resolve) => (die = resolve));
  const never = new Promise<never>(() => undefined);
  const journal = new Proxy(inner, {
    get: (target, name) => {
      const member_: unknown = Reflect.get(target, name);
      if (typeof member_ !== 'function') return member_;
      // Sizes are known without waiting.
      if (name === 'spoolBytes' || name === 'keptBytes') return member_.bind(target) as unknown;
      return async (...parameters: unknown[]) => {
        if (dead) return never;
        if (name === 'commit') {
          commits += 1;
          if (commits === death?.at) {
            dead = true;
            if (death.took) await target.commit(parameters[0] as readonly Change[]);
            die();
            return never;
          }
        }
        const answer: unknown = await (Reflect.apply(member_, target, parameters) as Promise<unknown>);
        return dead ? never : answer;
      };
    },
  });
  return { journal, died, commits: () => commits };
}

/** One life of the process: recovers, takes what the control plane sends (again), runs until everything has ended. */
async function live(
  journal: Journal,
  caller: ScriptedCaller,
  work: Work,
  change: Partial<JobsPorts> = {},
): Promise<void> {
  const time = new TrustedTime(clock, nowMs);
  const sign = (): string => 'signed';
  const { jobs, faults, accept } = jobFixture(caller, { journal, clock, time, sign, ...change });
  await jobs.recover();
  const claims = claimsFor(work);
  let record = jobs.get(id);
  record ??= await accept(claims);
  if (record.state.nextChunk === 0) await jobs.rows(record, 0, lines);
  jobs.start();
  await jobs.idle();
  expect(faults).to.deep.equal([]);
}

/** Lives until it dies or is done; true when it died. */
async function lifeWith(inner: Journal, caller: ScriptedCaller, work: Work, death: Death): Promise<boolean> {
  const { journal, died } = dying(inner, death);
  const ended = await Promise.race([live(journal, caller, work).then(() => false), died.then(() => true)]);
  // What was on its way to AWS when the process died arrives there all the same.
  for (let turn = 0; turn < 4; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  return ended;
}

/** A disk on which nothing can be written any more from the `at`th commit on; `took`: that one is on it all the same. */
function failing(inner: Journal, { at, took }: Death): Journal {
  let commits = 0;
  return new Proxy(inner, {
    get: (target, name) => {
      if (name !== 'commit') {
        const own: unknown = Reflect.get(target, name);
        return typeof own === 'function' ? (own.bind(target) as unknown) : own;
      }
      return async (changes: readonly Change[]) => {
        commits += 1;
        if (commits < at || (commits === at && took)) await target.commit(changes);
        if (commits >= at) throw new Error('the disk failed');
      };
    },
  });
}

/** An account that looks, at each change, whether the disk knows of it. */
function watchfulAccount(inner: Journal, work: Work, unkept: unknown[]): ScriptedCaller {
  const account = makeAccount();
  return new ScriptedCaller(async (request) => {
    const user = request.input['UserName'];
    if (request.operation === work.operation && work.changes) {
      const kept = (await inner.pendingRows(id, -1, 10)).some(
        ({ row, progress }) => users[row] === user && progress?.intent,
      );
      if (!kept) unkept.push(user);
    }
    return account.call(request);
  });
}

interface Entry {
  readonly row: number;
  readonly item?: number;
  readonly envelope?: { readonly error_code?: string };
  readonly row_end?: { readonly items: number; readonly outcome: string };
}

async function check(journal: Journal, caller: ScriptedCaller, work: Work, said: string): Promise<void> {
  const stored = await journal.job(id);
  expect(stored?.state.phase, said).to.equal('finished');
  expect(stored?.statement, said).to.equal('signed');
  const held = await journal.entries(id, 1, { maxCount: 1_000, maxBytes: 1_000_000 });
  expect(
    held.map(({ sequence }) => sequence),
    said,
  ).to.deep.equal(held.map((_, index) => index + 1));
  const texts = held.map(({ line }) => line);
  expect(stored?.state.head, said).to.equal(chainAll(nodeHashing, chainStart(nodeHashing, id), texts));
  const entries = texts.map((text) => JSON.parse(text) as Entry);
  for (const [row, user] of users.entries()) {
    const own = entries.filter((entry) => entry.row === row);
    const ends = own.filter((entry) => entry.row_end !== undefined);
    expect(ends, said).to.have.length(1);
    expect(own.at(-1), said).to.equal(ends[0]);
    expect(ends[0]?.row_end?.items, said).to.equal(own.length - 1);
    const unknown = ends[0]?.row_end?.outcome === 'unknown';
    if (!unknown) expect(own.length - 1, said).to.equal(work.items);
    if (work.changes) {
      expect(caller.count(work.operation, user), said).to.be.at.most(1);
      // Success is claimed only for a call that left; a call that left is never passed over in silence.
      if (!unknown) expect(caller.count(work.operation, user), said).to.equal(1);
      else expect(own[0]?.envelope?.error_code, said).to.equal('outcome_unknown');
    } else {
      expect(unknown, said).to.equal(false);
      expect(
        own.slice(0, -1).map(({ item }) => item),
        said,
      ).to.deep.equal([0, 1]);
    }
  }
  expect(await journal.pendingRows(id, -1, 10), said).to.deep.equal([]);
}

describe('a process that dies', () => {
  for (const work of works) {
    it(`at every commit of a ${work.action} job, and at every commit of the next run`, async function test() {
      this.timeout(60_000);
      const whole = dying(memoryJournal(), null);
      await live(whole.journal, makeAccount(), work);
      const commits = whole.commits();
      expect(commits).to.be.greaterThan(5);
      let deaths = 0;
      for (let first = 1; first <= commits; first += 1) {
        for (const took of [false, true]) {
          for (let second = 0; second <= commits; second += 1) {
            const [inner, caller] = [memoryJournal(), makeAccount()];
            expect(await lifeWith(inner, caller, work, { at: first, took }), `death ${first}`).to.equal(true);
            deaths += 1;
            // Zero: the second run lives. The last value of the first death's effect decides nothing about the second's.
            if (second > 0 && (await lifeWith(inner, caller, work, { at: second, took: !took }))) deaths += 1;
            const stored = await inner.job(id);
            if (stored?.statement !== 'signed') await live(inner, caller, work);
            await check(
              inner,
              caller,
              work,
              `died at ${first} (${took ? 'after' : 'before'} it took), then at ${second}`,
            );
          }
        }
      }
      console.log(`      ${commits} commits, ${deaths} deaths`);
    });
  }

  for (const work of works) {
    it(`because its disk failed, at every commit of a ${work.action} job`, async () => {
      const whole = dying(memoryJournal(), null);
      await live(whole.journal, makeAccount(), work);
      for (let at = 1; at <= whole.commits(); at += 1) {
        for (const took of [false, true]) {
          const inner = memoryJournal();
          const unkept: unknown[] = [];
          const caller = watchfulAccount(inner, work, unkept);
          const fault = await new Promise((resolve) => {
            live(failing(inner, { at, took }), caller, work, { onFault: resolve }).then(() => resolve(null), resolve);
          });
          expect(fault, `commit ${at}`).to.be.instanceOf(Error).with.property('message', 'the disk failed');
          for (let turn = 0; turn < 50; turn += 1) await new Promise((resolve) => setImmediate(resolve));
          await live(inner, caller, work);
          await check(inner, caller, work, `the disk failed at ${at}, ${took ? 'after' : 'before'} it took`);
          expect(unkept, `commit ${at}`).to.deep.equal([]);
        }
      }
    });
  }
});
