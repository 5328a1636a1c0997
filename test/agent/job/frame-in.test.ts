// One session at the agent: what each frame does and in which order answers leave, over a journal in memory and a wire that is only a list.
import { expect } from 'chai';
import { nodeHashing } from '../../../node/hashing.ts';
import type { Journal } from '../../../agent/job/journal.ts';
import { chainStart, chunkDigest } from '../../../protocol/digest-chain.ts';
import { controlPlaneId, type KeyId } from '../../../protocol/ids.ts';
import type { JobClaims } from '../../../protocol/job-claims.ts';
import { signJob } from '../../../protocol/job-token.ts';
import type { PrivateKey } from '../../../protocol/jws.ts';
import { type KeySet, signKeySetStep } from '../../../protocol/key-set.ts';
import { limits } from '../../../protocol/limits.ts';
import { keyId } from '../../../protocol/pairing.ts';
import { protocolVersion } from '../../../protocol/version.ts';
import { jobIdOf } from '../../contract/journal-samples.ts';
import { makeKey } from '../../support/control-plane-peer.ts';
import { claimsOfChunks, outcomesOf } from '../../support/job-fixture.ts';
import { type PlayedSession, playSession, sessionAgent } from '../../support/session-fixture.ts';

const id = jobIdOf(1);
const lines = ['{"user":"alice"}', '{"user":"bob"}'];
const other = nodeHashing.sha256('something else');

describe('a session', () => {
  let key: PrivateKey;
  let kid: KeyId;
  let keySet: KeySet;

  before(async () => {
    key = makeKey();
    const { d: _secret, ...publicKey } = key;
    kid = await keyId(publicKey);
    keySet = { iss: controlPlaneId(kid), version: 1, keys: [{ kid, key: publicKey, status: 'active' }] };
  });

  const sessionOn = (journal?: Journal): PlayedSession => playSession(keySet, journal);

  const tokenOf = (
    change: Partial<JobClaims> = {},
    chunks: readonly (readonly string[])[] = [lines],
  ): Promise<string> => signJob({ ...claimsOfChunks(chunks), iss: keySet.iss, aud: sessionAgent, ...change }, key, kid);

  it('takes a job, answers when it is on disk, runs its rows and ends with the signed statement', async () => {
    const one = sessionOn();
    one.session.hello();
    expect(await one.welcome()).to.equal(undefined);
    const token = await tokenOf();
    expect(await one.says({ type: 'job', token })).to.equal(undefined);
    expect((await one.journal.job(id))?.state.phase).to.equal('accepted');
    expect(one.frames.find(({ type }) => type === 'job.accepted')).to.include({
      token_digest: nodeHashing.sha256(token),
    });
    expect(await one.says({ type: 'rows', job: id, chunk: 0 }, lines)).to.equal(undefined);
    await one.jobs.idle();
    await new Promise((resolve) => setImmediate(resolve));
    expect(outcomesOf(await one.entries())).to.deep.equal({ succeeded: 2 });
    expect(one.types()[0]).to.equal('hello');
    expect(one.types().at(-1)).to.equal('job.finished');
    const sent = one.frames.flatMap((frame, index) => (frame.type === 'results' ? [...(one.bodies[index] ?? [])] : []));
    expect(sent).to.have.length(2);
  });

  it('has no meaning before welcome, and none for a second one', async () => {
    const { says, welcome, jobs } = sessionOn();
    expect(await says({ type: 'job', token: await tokenOf() })).to.equal('frame_unexpected');
    expect(await says({ type: 'cancel', job: id })).to.equal('frame_unexpected');
    expect(jobs.open).to.deep.equal([]);
    expect(await welcome()).to.equal(undefined);
    expect(await welcome()).to.equal('frame_unexpected');
    expect(await sessionOn().welcome({ protocol: protocolVersion + 1 })).to.equal('frame_unexpected');
  });

  it('runs no row of an open job before the control plane has said what it holds', async () => {
    const first = sessionOn();
    await first.welcome();
    await first.says({ type: 'job', token: await tokenOf() });
    first.drain.abort();
    await first.says({ type: 'rows', job: id, chunk: 0 }, lines);
    await first.jobs.idle();
    const second = sessionOn(first.journal);
    await second.jobs.recover();
    second.session.hello();
    expect(second.frames[0]).to.deep.include({
      jobs: [
        { job: id, token_digest: (await first.journal.job(id))?.state.tokenDigest, next_chunk: null, last_sequence: 0 },
      ],
    });
    for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    expect(second.caller.calls).to.deep.equal([]);
    await second.welcome({ jobs: [{ job: id, last_sequence: 0, head: chainStart(nodeHashing, id), cancel: false }] });
    await second.jobs.idle();
    expect(second.caller.calls).to.have.length(2);
  });

  it('answers a doubled token with the state as it stands, and runs it once', async () => {
    const { says, welcome, jobs, types, caller } = sessionOn();
    await welcome();
    const token = await tokenOf();
    await says({ type: 'job', token });
    await says({ type: 'job', token });
    expect(types().filter((type) => type === 'job.accepted')).to.have.length(2);
    await says({ type: 'rows', job: id, chunk: 0 }, lines);
    await jobs.idle();
    await says({ type: 'job', token });
    await new Promise((resolve) => setImmediate(resolve));
    expect(types().filter((type) => type === 'job.finished')).to.have.length(2);
    expect(caller.calls).to.have.length(2);
  });

  it('keeps the refusal of a verified token: the same answer comes after the host allows it', async () => {
    const { says, welcome, frames, journal, types } = sessionOn();
    await welcome();
    const token = await tokenOf({ connection: 'elsewhere' });
    await says({ type: 'job', token });
    const said = frames.filter(({ type }) => type === 'job.rejected');
    expect(said[0]).to.include({ job: id, code: 'unknown_connection', token_digest: nodeHashing.sha256(token) });
    expect((await journal.job(id))?.state).to.include({ phase: 'rejected', refusal: 'unknown_connection' });
    await says({ type: 'job', token });
    expect(frames.filter(({ type }) => type === 'job.rejected')).to.have.length(2);
    await says({ type: 'job', token: await tokenOf() });
    expect(frames.findLast(({ type }) => type === 'job.rejected')).to.include({ code: 'replayed' });
    await says({ type: 'job', token: 'nothing' });
    expect(frames.findLast(({ type }) => type === 'job.rejected')).to.include({ job: null, code: 'token_malformed' });
    expect(types()).not.to.include('job.accepted');
  });

  it('asks again for a chunk that is not the signed one, so often and no more; then the rows are refused', async () => {
    const { says, welcome, jobs, types, entries, caller } = sessionOn();
    await welcome();
    await says({ type: 'job', token: await tokenOf() });
    for (let count = 0; count <= limits.chunkRetries; count += 1)
      await says({ type: 'rows', job: id, chunk: 0 }, ['{"user":"mallory"}', '{"user":"bob"}']);
    expect(types().filter((type) => type === 'rows.request')).to.have.length(limits.chunkRetries);
    await jobs.idle();
    const made = await entries();
    expect(outcomesOf(made)).to.deep.equal({ refused: 2 });
    expect(made[0]?.envelope?.error_code).to.equal('rows_digest_mismatch');
    expect(caller.calls).to.deep.equal([]);
  });

  it('ends when more chunks come than there is credit for, without taking them', async () => {
    const { says, welcome, frames, jobs, drain, session } = sessionOn();
    await welcome();
    const credit = frames.find((frame) => frame.type === 'credit');
    const granted = credit?.type === 'credit' ? credit.chunks : 0;
    expect(granted).to.be.within(1, 1_000);
    drain.abort();
    const rows = Array.from({ length: granted + 1 }, (_, index) => [`{"user":"${index}"}`]);
    await says({ type: 'job', token: await tokenOf({}, rows) });
    for (const [chunk, lines_] of rows.slice(0, granted).entries())
      expect(await says({ type: 'rows', job: id, chunk }, lines_)).to.equal(undefined);
    expect(await says({ type: 'rows', job: id, chunk: granted }, rows[granted])).to.equal('over_credit');
    expect(jobs.get(id)?.state.nextChunk).to.equal(granted);
    session.drain();
    expect(frames.at(-1)).to.deep.equal({ type: 'draining' });
  });

  it('ends when more jobs come than there is credit for, without taking them', async () => {
    const { says, welcome, frames, jobs, drain } = sessionOn();
    await welcome();
    drain.abort();
    const credit = frames.find((frame) => frame.type === 'credit');
    const granted = credit?.type === 'credit' ? credit.jobs : 0;
    expect(granted).to.be.within(1, limits.jobsPerAgent);
    for (let count = 1; count <= granted; count += 1)
      expect(await says({ type: 'job', token: await tokenOf({ jti: jobIdOf(count) }) })).to.equal(undefined);
    expect(await says({ type: 'job', token: await tokenOf({ jti: jobIdOf(granted + 1) }) })).to.equal('over_credit');
    expect(jobs.open).to.have.length(granted);
  });

  it('cancels what runs, leaves a tombstone for what it does not know, and honours a cancel in welcome', async () => {
    const { says, welcome, jobs, types, entries, journal } = sessionOn();
    await welcome();
    await says({ type: 'job', token: await tokenOf() });
    await says({ type: 'cancel', job: id });
    await jobs.idle();
    expect(outcomesOf(await entries())).to.deep.equal({ cancelled: 2 });
    await says({ type: 'cancel', job: jobIdOf(5) });
    await says({ type: 'job', token: await tokenOf({ jti: jobIdOf(5) }) });
    await new Promise((resolve) => setImmediate(resolve));
    expect((await journal.job(jobIdOf(5)))?.state).to.include({ phase: 'finished', rows: 0, tokenDigest: null });
    expect(types().filter((type) => type === 'job.accepted')).to.have.length(1);
    const next = sessionOn();
    await next.welcome();
    await next.says({ type: 'job', token: await tokenOf() });
    const again = sessionOn(next.journal);
    await again.jobs.recover();
    await again.welcome({ jobs: [{ job: id, last_sequence: 0, head: chainStart(nodeHashing, id), cancel: true }] });
    await again.jobs.idle();
    expect(outcomesOf(await again.entries())).to.deep.equal({ cancelled: 2 });
    next.drain.abort();
    await next.jobs.idle();
  });

  it('deletes nothing for a wrong head, quarantines at one that knows more, and ignores what it does not have', async () => {
    const { says, welcome, jobs, journal, types, events } = sessionOn();
    await welcome();
    await says({ type: 'job', token: await tokenOf() });
    await says({ type: 'rows', job: id, chunk: 0 }, lines);
    await jobs.idle();
    await says({ type: 'results.ack', job: id, sequence: 1, head: other });
    expect(await journal.firstHeld(id, 1)).to.equal(1);
    expect(events.map(([name]) => name)).to.include('results.disputed');
    await says({ type: 'job.finished.ack', job: id, head: other });
    expect((await journal.job(id))?.state.phase).to.equal('finished');
    await says({ type: 'results.ack', job: jobIdOf(6), sequence: 1, head: other });
    await says({ type: 'job.finished.ack', job: jobIdOf(6), head: other });
    await says({ type: 'results.ack', job: id, sequence: 3, head: other });
    expect((await journal.job(id))?.state.phase).to.equal('quarantined');
    expect(types().at(-1)).to.equal('job.quarantined');
  });

  it('takes key-set steps in order, and ends the work of a key that is revoked', async () => {
    const { says, welcome, jobs, entries, events } = sessionOn();
    await welcome();
    await says({ type: 'job', token: await tokenOf() });
    const [only] = keySet.keys;
    if (only === undefined) throw new Error('no key');
    const next = makeKey();
    const { d: _secret, ...publicKey } = next;
    const keys: KeySet['keys'] = [
      { ...only, status: 'revoked' },
      { kid: await keyId(publicKey), key: publicKey, status: 'active' },
    ];
    await says({ type: 'keys', step: await signKeySetStep({ ...keySet, version: 3, keys }, key, kid) });
    expect(events.at(-1)?.[0]).to.equal('keys.refused');
    await says({ type: 'keys', step: await signKeySetStep({ ...keySet, version: 2, keys }, key, kid) });
    await jobs.idle();
    expect(outcomesOf(await entries())).to.deep.equal({ cancelled: 2 });
    expect(await says({ type: 'job', token: await tokenOf({ jti: jobIdOf(4) }) })).to.equal(undefined);
    expect(jobs.get(jobIdOf(4))).to.equal(undefined);
  });

  it('counts what it does not understand, and ends only after many frames that it cannot read', async () => {
    const { session, welcome, heard, says, events } = sessionOn();
    await welcome();
    expect(await session.message('{"type":"party"}')).to.equal(undefined);
    expect(await session.message(`{"type":"cancel","job":"${jobIdOf(3)}","why":"new"}`)).to.equal(undefined);
    expect(events.filter(([name]) => name === 'link.frame_ignored')).to.have.length(2);
    await says({ type: 'reconnect', within_ms: 1_234 });
    expect(heard).to.deep.equal(['welcome', 1_234]);
    const codes: (string | undefined)[] = [];
    for (let count = 0; count < 21; count += 1) codes.push((await session.message('{'))?.code);
    expect(codes.slice(0, 20).every((code) => code === undefined)).to.equal(true);
    expect(codes[20]).to.equal('frame_malformed');
  });

  it('says how far each job is, for people', async () => {
    const { session, says, welcome, frames, jobs, drain } = sessionOn();
    session.progress();
    expect(frames).to.deep.equal([]);
    await welcome();
    const chunks = [[lines[0] ?? ''], [lines[1] ?? '']];
    const rows = { count: 2, chunks: chunks.map((chunk) => ({ rows: 1, digest: chunkDigest(nodeHashing, chunk) })) };
    await says({ type: 'job', token: await tokenOf({ rows }) });
    await says({ type: 'rows', job: id, chunk: 0 }, chunks[0]);
    while (jobs.get(id)?.state.endedRows !== 1 || jobs.get(id)?.waitsFor !== 'rows')
      await new Promise((resolve) => setImmediate(resolve));
    session.progress();
    expect(frames.findLast(({ type }) => type === 'job.progress')).to.include({
      rows_done: 1,
      rows_failed: 0,
      rows_waiting: 1,
      reason: 'rows',
    });
    drain.abort();
    await jobs.idle();
  });
});
