// What a control plane gets from a real agent for tokens that are not as they must be: a coded refusal, and nothing runs.
import { expect } from 'chai';
import type { ErrorCode } from '../../protocol/error-codes.ts';
import type { JobClaims } from '../../protocol/job-claims.ts';
import { signJob } from '../../protocol/job-token.ts';
import { signJws, tokenTypes } from '../../protocol/jws.ts';
import { agentIdSchema } from '../../protocol/ids.ts';
import { type ControlPlanePeer, makeKey } from '../support/control-plane-peer.ts';
import { type PairedAgent, pairedAgent } from '../support/paired-agent.ts';
import { type ScriptedEndpoint, xmlAnswer } from '../support/scripted-endpoint.ts';

const row = '{"user":"alice"}';
const noKeys = '<AccessKeyMetadata/><IsTruncated>false</IsTruncated>';

describe('tokens at a real agent', () => {
  let paired: PairedAgent;
  let peer: ControlPlanePeer;
  let endpoint: ScriptedEndpoint;

  before(async () => {
    paired = await pairedAgent({ allow: ['list'] });
    ({ peer, endpoint } = paired);
  });

  after(() => paired.stop());

  beforeEach(() => {
    peer.frames.length = 0;
    endpoint.play(() => xmlAnswer('ListAccessKeys', noKeys));
  });

  async function refusedWith(token: string): Promise<{ code: ErrorCode; detail: string; job: string | null }> {
    peer.send({ type: 'job', token });
    const { frame } = await peer.frame('job.rejected');
    expect(endpoint.requests).to.have.length(0);
    return frame;
  }

  const changed = async (change: Partial<JobClaims>): Promise<string> => peer.sign(peer.claims([row], change));
  const now = (): number => Math.floor(Date.now() / 1000);

  it('refuses a signature that does not verify', async () => {
    const token = await changed({});
    const [head, payload, signature = ''] = token.split('.');
    const broken = `${signature.startsWith('A') ? 'B' : 'A'}${signature.slice(1)}`;
    expect(await refusedWith(`${head}.${payload}.${broken}`)).to.include({ code: 'token_bad_signature', job: null });
  });

  it('refuses a key that it does not trust', async () => {
    const token = await signJob(
      peer.claims([row]),
      makeKey(),
      peer.kid.replace(/^./, (first) => (first === 'A' ? 'B' : 'A')),
    );
    expect((await refusedWith(token)).code).to.equal('token_unknown_key');
  });

  it('refuses every other kind of signed object', async () => {
    for (const type of Object.values(tokenTypes)) {
      if (type === tokenTypes.job) continue;
      peer.frames.length = 0;
      const token = await signJws(type, peer.claims([row]), peer.key, peer.kid);
      expect((await refusedWith(token)).code, type).to.equal('token_wrong_type');
    }
  });

  it('refuses a token for another agent', async () => {
    const token = await changed({ aud: agentIdSchema.parse('somebody-else') });
    expect((await refusedWith(token)).code).to.equal('token_wrong_audience');
  });

  it('refuses an expired token and one from the future', async () => {
    expect((await refusedWith(await changed({ iat: now() - 900, exp: now() - 600 }))).code).to.equal('token_expired');
    peer.frames.length = 0;
    const early = await changed({ iat: now() + 600, exp: now() + 900 });
    expect((await refusedWith(early)).code).to.equal('token_not_yet_valid');
  });

  it('refuses an unknown connection, action and input, each by name', async () => {
    const cases: [Partial<JobClaims>, ErrorCode, string][] = [
      [{ connection: 'staging' }, 'unknown_connection', 'prod'],
      [{ action: 'launch_rocket' }, 'unknown_action', 'launch_rocket'],
      [{ inputs: { Username: 'x', Usrname: 'y' } }, 'unknown_input', 'Usrname'],
      [{ inputs: {} }, 'missing_input', 'Username'],
      [{ inputs: { Username: '{{ user' } }, 'template_syntax', 'Username'],
    ];
    for (const [change, code, named] of cases) {
      peer.frames.length = 0;
      const refused = await refusedWith(await changed(change));
      expect(refused.code).to.equal(code);
      expect(refused.detail).to.include(named);
    }
  });

  it('refuses an action that the host does not allow and names the line to add', async () => {
    const inputs = { Username: 'a', 'Access Key': 'AKIAAAAAAAAAAAAAAAAA' };
    const refused = await refusedWith(await changed({ action: 'delete_access_key', inputs }));
    expect(refused.code).to.equal('action_not_allowed');
    expect(refused.detail).to.include('- delete_access_key');
  });

  it('answers a duplicate with the present state and runs it once', async () => {
    const claims = peer.claims([row]);
    const token = await peer.sign(claims);
    peer.send({ type: 'job', token });
    await peer.frame('job.accepted');
    peer.send({ type: 'rows', job: claims.jti, chunk: 0 }, [row]);
    const finished = await peer.frame('job.finished');
    peer.send({ type: 'job', token });
    await peer.frame('job.accepted', 2);
    const again = await peer.frame('job.finished', 2);
    expect(again.frame.statement).to.equal(finished.frame.statement);
    expect(endpoint.requests).to.have.length(1);
    expect(peer.entries(claims.jti)).to.deep.equal(['{"row":0,"row_end":{"items":0,"outcome":"succeeded"}}']);
  });

  it('refuses a known id with another token', async () => {
    const claims = peer.claims([row]);
    peer.send({ type: 'job', token: await peer.sign(claims) });
    await peer.frame('job.accepted');
    const other = await refusedWith(await peer.sign({ ...claims, sub: 'someone.else@example.com' }));
    expect(other).to.include({ code: 'replayed', job: claims.jti });
    peer.send({ type: 'cancel', job: claims.jti });
    await peer.frame('job.finished');
  });

  it('keeps a refusal: the same token stays refused', async () => {
    const token = await changed({ connection: 'staging' });
    await refusedWith(token);
    peer.send({ type: 'job', token });
    expect((await peer.frame('job.rejected', 2)).frame.code).to.equal('unknown_connection');
  });

  it('asks again for rows that are not the signed ones, and then refuses them', async () => {
    const claims = peer.claims([row]);
    peer.send({ type: 'job', token: await peer.sign(claims) });
    await peer.frame('job.accepted');
    for (let time = 1; time <= 4; time += 1) {
      peer.send({ type: 'rows', job: claims.jti, chunk: 0 }, ['{"user":"mallory"}']);
      if (time <= 3) await peer.frame('rows.request', time);
    }
    await peer.frame('job.finished');
    expect(peer.entries(claims.jti).join('\n')).to.include('rows_digest_mismatch').and.include('"outcome":"refused"');
    expect(endpoint.requests).to.have.length(0);
  });
});
