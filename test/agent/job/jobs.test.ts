// What becomes durable when: acceptance, refusal, tombstones, acknowledgements, keys that are revoked.
import { expect } from 'chai';
import { nodeHashing } from '../../../node/hashing.ts';
import { chainStart } from '../../../protocol/digest-chain.ts';
import { jobIdOf } from '../../contract/journal-samples.ts';
import { claimsOfChunks, jobFixture, outcomesOf, tokenOf } from '../../support/job-fixture.ts';
import { answerOf, ScriptedCaller } from '../../support/scripted-caller.ts';

const empty = answerOf('ListAccessKeys', '<AccessKeyMetadata/><IsTruncated>false</IsTruncated>');
const lines = ['{"user":"alice"}', '{"user":"bob"}'];
const id = jobIdOf(1);
const fixtureOf = (): ReturnType<typeof jobFixture> =>
  jobFixture(
    new ScriptedCaller(({ operation }) => (operation === 'ListAccessKeys' ? empty : answerOf(operation, null))),
  );

async function finished(change: Parameters<typeof claimsOfChunks>[1] = {}) {
  const fixture = fixtureOf();
  const record = await fixture.accept(claimsOfChunks([lines], change));
  await fixture.jobs.rows(record, 0, lines);
  fixture.jobs.start();
  await fixture.jobs.idle();
  return { ...fixture, record };
}

describe('jobs', () => {
  it('are on disk when they are accepted, with the time that was seen', async () => {
    const fixture = fixtureOf();
    await fixture.accept(claimsOfChunks([lines]));
    expect((await fixture.journal.job(id))?.state).to.include({ phase: 'accepted', rows: 2, chunks: 1 });
    expect((await fixture.journal.facts()).highWaterMs).to.be.closeTo(Date.now(), 5_000);
  });

  it('stay refused, and are not open', async () => {
    const fixture = fixtureOf();
    const claims = claimsOfChunks([lines]);
    await fixture.jobs.reject(claims, 'k', tokenOf(claims), 'action_not_allowed');
    expect((await fixture.journal.job(id))?.state).to.include({ phase: 'rejected', refusal: 'action_not_allowed' });
    const again = jobFixture(new ScriptedCaller(() => empty), { journal: fixture.journal });
    await again.jobs.recover();
    expect(again.jobs.open).to.deep.equal([]);
  });

  it('leave a tombstone when the cancel comes first, with a signed statement over nothing', async () => {
    const fixture = fixtureOf();
    expect(await fixture.jobs.cancel(id)).to.deep.equal(['finished']);
    const stored = await fixture.journal.job(id);
    expect(stored?.state).to.include({ phase: 'finished', tokenDigest: null, cancelled: true });
    expect(JSON.parse(stored?.statement ?? '')).to.include({
      token_digest: null,
      last_sequence: 0,
      status: 'cancelled',
    });
  });

  it('forget the entries of reads at an acknowledgement, and keep those of changes', async () => {
    for (const [change, kept] of [
      [{}, null],
      [{ action: 'delete_access_key', inputs: { Username: '{{ user }}', 'Access Key': 'AKIAEXAMPLE000000001' } }, 1],
    ] as const) {
      const { jobs, journal, record } = await finished(change);
      const { produced, head } = record.state;
      expect(await jobs.acknowledged(record, { sequence: produced, head })).to.equal(null);
      // An acknowledgement is not waited for; what is committed after it comes after it.
      await journal.commit([]);
      expect(await journal.firstHeld(id, 1)).to.equal(kept);
      expect(journal.spoolBytes()).to.equal(0);
    }
  });

  it('delete nothing at an acknowledgement with another head, and stop at one that knows more than they do', async () => {
    const { jobs, journal, record } = await finished();
    const { produced, head } = record.state;
    expect(await jobs.acknowledged(record, { sequence: 1, head })).to.equal('head_mismatch');
    expect(await journal.firstHeld(id, 1)).to.equal(1);
    expect(await jobs.acknowledged(record, { sequence: produced + 1, head })).to.equal('quarantined');
    expect((await journal.job(id))?.state).to.include({ phase: 'quarantined', refusal: 'journal_rolled_back' });
    expect(jobs.open).to.deep.equal([]);
  });

  it('close only under their own head', async () => {
    const { jobs, journal, record } = await finished();
    await jobs.closed(record, chainStart(nodeHashing, id));
    expect((await journal.job(id))?.state.phase).to.equal('finished');
    await jobs.closed(record, record.state.head);
    expect((await journal.job(id))?.state.phase).to.equal('closed');
    expect(jobs.open).to.deep.equal([]);
  });

  it('end when the key that signed them is revoked', async () => {
    const fixture = fixtureOf();
    await fixture.accept(claimsOfChunks([lines]));
    await fixture.jobs.revokeKey('another');
    expect(fixture.jobs.get(id)?.state.cancelled).to.equal(false);
    await fixture.jobs.revokeKey('k');
    fixture.jobs.start();
    await fixture.jobs.idle();
    expect(outcomesOf(await fixture.entries())).to.deep.equal({ cancelled: 2 });
  });

  it('take the next chunk only, and only with the signed digest', async () => {
    const chunks = [['{"user":"a"}'], ['{"user":"b"}']];
    const fixture = fixtureOf();
    const record = await fixture.accept(claimsOfChunks(chunks));
    expect(await fixture.jobs.rows(record, 1, chunks[1] ?? [])).to.equal('request');
    expect(await fixture.jobs.rows(record, 0, chunks[1] ?? [])).to.equal('request');
    expect(await fixture.jobs.rows(record, 0, chunks[0] ?? [])).to.equal('store');
    expect(await fixture.jobs.rows(record, 0, chunks[0] ?? [])).to.equal('ignore');
    expect(await fixture.jobs.rows(record, 7, ['{}'])).to.equal('request');
  });

  it('keep one chain over entries that are made side by side', async () => {
    const fixture = fixtureOf();
    const many = Array.from({ length: 50 }, (_, index) => `{"user":"${index}"}`);
    const record = await fixture.accept(claimsOfChunks([many]));
    await fixture.jobs.rows(record, 0, many);
    const ends = many.map((_, row) =>
      record.end([{ row, lines: [`{"row":${row},"envelope":{}}`], items: 1, outcome: 'succeeded' }]),
    );
    expect(record.durableThrough).to.equal(0);
    await Promise.all(ends);
    expect(record.durableThrough).to.equal(100);
    const held = await fixture.journal.entries(id, 1, { maxCount: 200, maxBytes: 1_000_000 });
    let head = chainStart(nodeHashing, id);
    for (const entry of held) {
      head = nodeHashing.sha256(`${head}\n${entry.line}`);
      expect(entry.head).to.equal(head);
    }
    expect(record.state).to.include({ head, phase: 'finished', produced: 100 });
  });
});
