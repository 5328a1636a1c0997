// A real agent against a control plane that is cut off, forgets, repeats itself, lies or goes beyond its credit.
import { expect } from 'chai';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { nodeHashing } from '../../node/hashing.ts';
import { chainAll, chainStart, chunkDigest } from '../../protocol/digest-chain.ts';
import { verifyFinished } from '../../protocol/finished-statement.ts';
import { publicKeySchema } from '../../protocol/jws.ts';
import { ControlPlanePeer, makeJobId } from '../support/control-plane-peer.ts';
import { Host, type Program, scratch } from '../support/programs.ts';
import { type ScriptedEndpoint, startScriptedEndpoint, xmlAnswer } from '../support/scripted-endpoint.ts';
import { readFile } from 'node:fs/promises';
import { copyState } from '../support/copy-state.ts';

const noKeys = '<AccessKeyMetadata/><IsTruncated>false</IsTruncated>';
const rowsOf = (count: number): string[] => Array.from({ length: count }, (_, index) => `{"user":"user-${index}"}`);

describe('the link of a real agent', () => {
  let peer: ControlPlanePeer;
  let endpoint: ScriptedEndpoint;
  let host: Host;
  let agent: Program;
  let folder: Awaited<ReturnType<typeof scratch>>;

  before(async () => {
    endpoint = await startScriptedEndpoint();
  });

  after(() => endpoint.stop());

  beforeEach(async () => {
    folder = await scratch();
    peer = await ControlPlanePeer.start();
    endpoint.play(() => xmlAnswer('ListAccessKeys', noKeys, { afterMs: 20 }));
    host = await Host.make(join(folder.path, 'host'), peer.url, { endpoint: endpoint.url });
    const paired = await host.pair(peer.invitation);
    expect(paired.status, paired.stderr).to.equal(0);
    agent = host.run();
    await peer.frame('credit');
  });

  afterEach(async () => {
    await agent.kill('SIGKILL');
    await peer.stop();
    await folder[Symbol.asyncDispose]();
  });

  const acked = (job: string, lines: readonly string[]): { sequence: number; head: ReturnType<typeof chainStart> } => ({
    sequence: lines.length,
    head: chainAll(nodeHashing, chainStart(nodeHashing, job as Parameters<typeof chainStart>[1]), lines),
  });

  it('resumes after a cut in the middle of a job, from where the control plane is', async () => {
    const { jti } = await peer.sendJob(rowsOf(60));
    await peer.until(() => peer.entries(jti).length > 5, 'some entries');
    const { sequence, head } = acked(jti, peer.entries(jti));
    peer.jobs = [{ job: jti, last_sequence: sequence, head, cancel: false }];
    const before = peer.frames.length;
    peer.cut();
    await peer.frame('job.finished');
    const resumed = peer.frames.slice(before).find(({ frame, link }) => frame.type === 'results' && link === 2);
    expect(resumed?.frame).to.include({ first_sequence: sequence + 1 });
    const ends = peer.entries(jti).filter((line) => line.includes('row_end'));
    expect(new Set(ends).size).to.equal(60);
    expect(endpoint.requests).to.have.length(60);
  });

  it('signs its last word over what the control plane holds', async () => {
    const { jti } = await peer.sendJob(rowsOf(5));
    const { frame } = await peer.frame('job.finished');
    const identity = JSON.parse(await readFile(join(host.stateDir, 'identity.json'), 'utf8')) as {
      public_key: unknown;
      agent_key: string;
    };
    const keys = new Map([[identity.agent_key, publicKeySchema.parse(identity.public_key)]]);
    const claims = await verifyFinished(frame.statement, { agent: peer.agent, controlPlane: peer.id, keys });
    const { sequence, head } = acked(jti, peer.entries(jti));
    expect(claims).to.deep.include({ last_sequence: sequence, head, status: 'completed', rows: { succeeded: 5 } });
  });

  it('keeps results until an acknowledgement has the right head', async () => {
    const { jti } = await peer.sendJob(rowsOf(3));
    await peer.frame('job.finished');
    const { sequence, head } = acked(jti, peer.entries(jti));
    peer.send({ type: 'results.ack', job: jti, sequence, head: nodeHashing.sha256('something else') });
    await agent.logged('results.disputed');
    peer.frames.length = 0;
    peer.cut();
    await peer.frame('results');
    expect(peer.entries(jti)).to.have.length(sequence);
    peer.send({ type: 'results.ack', job: jti, sequence, head });
    peer.send({ type: 'job.finished.ack', job: jti, head });
    peer.frames.length = 0;
    peer.cut();
    expect((await peer.frame('hello')).frame.jobs).to.deep.equal([]);
  });

  it('sends again what the control plane lost after it had acknowledged it, and says what is gone', async () => {
    const { jti } = await peer.sendJob(rowsOf(40));
    await peer.until(() => peer.entries(jti).length > 5, 'some entries');
    const first = peer.entries(jti);
    const { sequence, head } = acked(jti, first);
    peer.send({ type: 'results.ack', job: jti, sequence, head });
    await peer.frame('job.finished');
    peer.jobs = [{ job: jti, last_sequence: 0, head: chainStart(nodeHashing, jti), cancel: false }];
    peer.frames.length = 0;
    peer.cut();
    const again = await peer.frame('results');
    expect(again.frame).to.include({ first_sequence: sequence + 1, after_loss: head });
    expect((await agent.logged('results.disputed'))[0]).to.include({ code: 'results_lost_at_control_plane' });
  });

  it('closes the gap for a job that was over, when the control plane lost all of its results', async () => {
    const { jti } = await peer.sendJob(rowsOf(3));
    const finished = await peer.frame('job.finished');
    const { sequence, head } = acked(jti, peer.entries(jti));
    peer.send({ type: 'results.ack', job: jti, sequence, head });
    peer.send({ type: 'job.finished.ack', job: jti, head });
    await agent.logged('job.closed');
    peer.jobs = [{ job: jti, last_sequence: 0, head: chainStart(nodeHashing, jti), cancel: false }];
    peer.frames.length = 0;
    peer.cut();
    const gap = await peer.frame('results');
    expect(gap.frame).to.include({ first_sequence: sequence + 1, head, after_loss: head });
    expect(gap.lines).to.deep.equal([]);
    expect((await peer.frame('job.finished')).frame.statement).to.equal(finished.frame.statement);
  });

  it('puts a job in quarantine when its journal went back in time, and runs nothing of it', async () => {
    const claims = peer.claims(rowsOf(2));
    peer.send({ type: 'job', token: await peer.sign(claims) });
    await peer.frame('job.accepted');
    await agent.kill('SIGKILL');
    const snapshot = join(folder.path, 'snapshot');
    await copyState(host.stateDir, snapshot);
    agent = host.run();
    await peer.frame('credit', 2);
    peer.send({ type: 'rows', job: claims.jti, chunk: 0 }, rowsOf(2));
    await peer.frame('job.finished');
    const { sequence, head } = acked(claims.jti, peer.entries(claims.jti));
    const ran = endpoint.requests.length;
    await agent.kill('SIGKILL');
    await rm(host.stateDir, { recursive: true });
    await copyState(snapshot, host.stateDir);
    peer.jobs = [{ job: claims.jti, last_sequence: sequence, head, cancel: false }];
    agent = host.run();
    expect((await peer.frame('job.quarantined')).frame).to.include({ job: claims.jti, code: 'journal_rolled_back' });
    expect(endpoint.requests).to.have.length(ran);
  });

  it('reports a job that it does not know as quarantined', async () => {
    const job = makeJobId();
    peer.jobs = [{ job, last_sequence: 0, head: chainStart(nodeHashing, job), cancel: false }];
    peer.cut();
    expect((await peer.frame('job.quarantined')).frame).to.include({ job, code: 'journal_rolled_back' });
  });

  it('leaves a tombstone for a cancel that comes first: the late token does not run', async () => {
    const claims = peer.claims(rowsOf(2));
    peer.send({ type: 'cancel', job: claims.jti });
    await peer.frame('job.finished');
    peer.send({ type: 'job', token: await peer.sign(claims) });
    await peer.frame('job.finished', 2);
    expect(peer.seen('job.accepted')).to.have.length(0);
    expect(endpoint.requests).to.have.length(0);
  });

  it('closes a link that goes beyond its credit, and comes back', async () => {
    endpoint.play(() => ({ kind: 'hang' }));
    const rows = rowsOf(200);
    const chunks = rows.map((row) => ({ rows: 1, digest: chunkDigest(nodeHashing, [row]) }));
    const claims = peer.claims(rows, { rows: { count: rows.length, chunks } });
    peer.send({ type: 'job', token: await peer.sign(claims) });
    await peer.frame('job.accepted');
    const told = peer.seen('credit').at(-1)?.frame.chunks ?? 0;
    expect(told).to.be.within(1, 199);
    for (const [chunk, row] of rows.slice(0, told + 1).entries())
      peer.send({ type: 'rows', job: claims.jti, chunk }, [row]);
    const [lost] = await agent.logged('link.lost');
    expect(lost).to.include({ code: 'over_credit' });
    await peer.frame('hello', 2);
  });

  it('ignores frames that it does not know and survives those that it cannot read', async () => {
    peer.sendText('{"type":"party","when":"now"}');
    for (const text of [
      '',
      'null',
      '[]',
      '{',
      '{"type":"rows"}',
      '{"type":"__proto__"}',
      '\u0000',
      '{"type":"cancel","job":7}',
    ])
      peer.sendText(text);
    const { jti } = await peer.sendJob(rowsOf(1));
    await peer.frame('job.finished');
    expect(peer.entries(jti)).to.have.length(1);
    expect(peer.links).to.equal(1);
  });

  it('ends rows as expired once the latest start of a call has passed', async () => {
    const now = Math.floor(Date.now() / 1000);
    const { jti } = await peer.sendJob(rowsOf(4), { not_after: now - 1 });
    await peer.frame('job.finished');
    expect(peer.entries(jti).every((line) => line.includes('"outcome":"expired"'))).to.equal(true);
    expect(endpoint.requests).to.have.length(0);
  });
});
