// A job that was cancelled or quarantined starts no further call: not the next page of a listing, not the row that waits for its turn.
import { expect } from 'chai';
import { setTimeout as delay } from 'node:timers/promises';
import { nodeHashing } from '../../node/hashing.ts';
import { type ControlPlanePeer, makeJobId } from '../support/control-plane-peer.ts';
import { type PairedAgent, pairedAgent } from '../support/paired-agent.ts';
import { type ScriptedEndpoint, xmlAnswer } from '../support/scripted-endpoint.ts';

const createMs = 400;

describe('a job that must stop', () => {
  let paired: PairedAgent;
  let plane: ControlPlanePeer;
  let endpoint: ScriptedEndpoint;

  before(async () => {
    paired = await pairedAgent();
    ({ peer: plane, endpoint } = paired);
  });

  after(() => paired.stop());

  const calls = (operation: string): number => endpoint.requests.filter((one) => one.operation === operation).length;

  function playCreates(): void {
    endpoint.play(({ operation }) => {
      if (operation !== 'CreateAccessKey')
        return xmlAnswer(operation, '<AccessKeyMetadata/><IsTruncated>false</IsTruncated>');
      const key =
        '<UserName>a</UserName><AccessKeyId>AKIAEXAMPLE000000001</AccessKeyId><Status>Active</Status><SecretAccessKey>s</SecretAccessKey>';
      return xmlAnswer(operation, `<AccessKey>${key}</AccessKey>`, { afterMs: createMs });
    });
  }

  it('ends a cancelled listing that never would', async () => {
    endpoint.play(({ operation }, index) => {
      const item = `<member><UserName>a</UserName><AccessKeyId>AKIA${index}</AccessKeyId></member>`;
      const more = `<IsTruncated>true</IsTruncated><Marker>page-${index}</Marker>`;
      return xmlAnswer(operation, `<AccessKeyMetadata>${item}</AccessKeyMetadata>${more}`);
    });
    const { jti } = await plane.sendJob(['{"user":"a"}']);
    await plane.until(() => plane.entries(jti).length > 0, 'first page');
    plane.send({ type: 'cancel', job: jti });
    await plane.until(() => plane.seen('job.finished').some(({ frame }) => frame.job === jti), 'end of the job');
  });

  it('hears a cancel before the rows and the token that came before it', async () => {
    const chunks = Array.from({ length: 60 }, (_, chunk) =>
      Array.from({ length: 1_000 }, (_row, row) => `{"user":"u-${chunk}-${row}"}`),
    );
    const { jti } = await plane.sendToken(chunks, { not_after: Math.floor(Date.now() / 1_000) - 1 });
    await plane.until(() => plane.seen('job.accepted').some(({ frame }) => frame.job === jti), 'acceptance');
    const [unknown, later] = [makeJobId(), plane.claims([])];
    const token = await plane.sign(later);
    for (const [chunk, rows] of chunks.entries()) plane.sendChunk(jti, chunk, rows);
    plane.send({ type: 'job', token });
    plane.send({ type: 'cancel', job: unknown });
    await plane.until(() => plane.seen('job.accepted').some(({ frame }) => frame.job === later.jti), 'second job');
    const place = (type: string, job: string): number =>
      plane.frames.findIndex(({ frame }) => frame.type === type && 'job' in frame && frame.job === job);
    expect(place('job.finished', unknown)).to.be.within(0, place('job.accepted', later.jti) - 1);
  });

  it('gives up rows that wait for their rate, and cuts off reads under way, when the cancel comes', async () => {
    endpoint.play(({ operation }) =>
      xmlAnswer(operation, '<AccessKeyMetadata/><IsTruncated>false</IsTruncated>', { afterMs: 20_000 }),
    );
    const { jti } = await plane.sendJob(Array.from({ length: 50 }, (_, row) => `{"user":"u${row}"}`));
    const before = calls('ListAccessKeys');
    await plane.until(() => calls('ListAccessKeys') >= before + 4, 'calls under way');
    const startedAt = Date.now();
    plane.send({ type: 'cancel', job: jti });
    await plane.until(() => plane.seen('job.finished').some(({ frame }) => frame.job === jti), 'end of the job');
    expect(Date.now() - startedAt).to.be.lessThan(5_000);
    const ends = plane.entries(jti).filter((line) => line.includes('"row_end"'));
    expect(ends).to.have.length(50);
    expect(ends.every((line) => line.includes('"cancelled"'))).to.equal(true);
  });

  it('makes no key for rows that still waited when the cancel came', async () => {
    playCreates();
    const { jti } = await plane.sendJob(Array(4).fill('{"user":"a"}'), { action: 'create_access_key' });
    await plane.until(() => calls('CreateAccessKey') === 1, 'first create');
    plane.send({ type: 'cancel', job: jti });
    await plane.until(() => plane.seen('job.finished').some(({ frame }) => frame.job === jti), 'end of the job');
    expect(calls('CreateAccessKey')).to.equal(1);
  });

  it('makes no key for rows that still waited when the job was quarantined', async () => {
    playCreates();
    const { jti } = await plane.sendJob(Array(4).fill('{"user":"b"}'), { action: 'create_access_key' });
    await plane.until(() => calls('CreateAccessKey') === 1, 'first create');
    plane.send({ type: 'results.ack', job: jti, sequence: 999, head: nodeHashing.sha256('what it never sent') });
    await plane.until(() => plane.seen('job.quarantined').some(({ frame }) => frame.job === jti), 'quarantine');
    await delay(createMs * 5);
    expect(calls('CreateAccessKey')).to.equal(1);
  });
});
