// Rows that come right behind their token: one commit for both, and still every answer after what it promises.
import { expect } from 'chai';
import type { Change } from '../../../agent/job/journal.ts';
import { encodeFrame } from '../../../protocol/codec.ts';
import { controlPlaneId } from '../../../protocol/ids.ts';
import { signJob } from '../../../protocol/job-token.ts';
import { keyId } from '../../../protocol/pairing.ts';
import { jobIdOf } from '../../contract/journal-samples.ts';
import { makeKey } from '../../support/control-plane-peer.ts';
import { claimsOfChunks } from '../../support/job-fixture.ts';
import { memoryJournal } from '../../support/journal-memory.ts';
import { type PlayedSession, playSession, sessionAgent } from '../../support/session-fixture.ts';

const id = jobIdOf(1);
const lines = ['{"user":"alice"}', '{"user":"bob"}'];

describe('a session that gets rows right behind their token', () => {
  let token: string;
  let sessionOn: (journal?: ReturnType<typeof memoryJournal>) => PlayedSession;

  before(async () => {
    const key = makeKey();
    const { d: _secret, ...publicKey } = key;
    const kid = await keyId(publicKey);
    const iss = controlPlaneId(kid);
    token = await signJob({ ...claimsOfChunks([lines]), iss, aud: sessionAgent }, key, kid);
    sessionOn = (journal) =>
      playSession({ iss, version: 1, keys: [{ kid, key: publicKey, status: 'active' }] }, journal);
  });

  it('asks the disk for rows that come right behind their token together with the job, and says nothing before both are there', async () => {
    const journal = memoryJournal();
    const commit = journal.commit.bind(journal);
    const seen: string[] = [];
    const { session, welcome, frames, jobs, caller } = sessionOn(
      Object.assign(journal, {
        commit: async (changes: readonly Change[]): Promise<void> => {
          const what = changes.map(({ kind }) => kind).join(' ');
          seen.push(`asked ${what}`);
          await commit(changes);
          seen.push(`durable ${what}, ${frames.some(({ type }) => type === 'job.accepted') ? 'told' : 'not told'}`);
        },
      }),
    );
    await welcome();
    await session.message(encodeFrame({ type: 'job', token: token }));
    await session.message(encodeFrame({ type: 'rows', job: id, chunk: 0 }, lines));
    expect(seen.slice(0, 3)).to.deep.equal([
      'asked job high_water',
      'asked rows job_state',
      'durable job high_water, not told',
    ]);
    await jobs.idle();
    expect(caller.calls).to.have.length(2);
  });

  it('asks for rows again only after it has accepted their job', async () => {
    const { session, welcome, types, drain } = sessionOn();
    await welcome();
    await session.message(encodeFrame({ type: 'job', token: token }));
    await session.message(encodeFrame({ type: 'rows', job: id, chunk: 0 }, ['{"user":"changed"}', '{}']));
    expect(types().filter((type) => type !== 'credit')).to.deep.equal(['job.accepted', 'rows.request']);
    drain.abort();
  });

  it('says nothing more when its disk failed', async () => {
    const journal = memoryJournal();
    const commit = journal.commit.bind(journal);
    const fault = new Error('the disk is gone');
    const { session, welcome, types, faults } = sessionOn(
      Object.assign(journal, {
        commit: (changes: readonly Change[]): Promise<void> =>
          changes.some(({ kind }) => kind === 'job') ? Promise.reject(fault) : commit(changes),
      }),
    );
    await welcome();
    await session.message(encodeFrame({ type: 'job', token }));
    const asked = session.message(encodeFrame({ type: 'rows', job: id, chunk: 0 }, ['{"user":"changed"}', '{}']));
    expect(await asked.catch((error: unknown) => error)).to.equal(fault);
    await session.settled();
    expect(types().filter((type) => type !== 'credit')).to.deep.equal([]);
    expect(faults).to.deep.equal([fault]);
  });

  it('takes the same token twice in a row as one job', async () => {
    const { session, welcome, types, faults, drain } = sessionOn();
    await welcome();
    await session.message(encodeFrame({ type: 'job', token }));
    await session.message(encodeFrame({ type: 'job', token }));
    expect(types().filter((type) => type === 'job.accepted')).to.have.length(2);
    expect(faults).to.deep.equal([]);
    drain.abort();
  });
});
