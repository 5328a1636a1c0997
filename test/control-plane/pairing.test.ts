// Pairing over real HTTP: one code makes one key the agent's, and a lost answer burns nothing.
import { expect } from 'chai';
import { isRefusal } from '../../protocol/error-codes.ts';
import { keyId, pairAnswerSchema, verifyPairing } from '../../protocol/pairing.ts';
import { newKey, pairAgent, pairBody, postPair, publicOf } from '../support/agent-identity.ts';
import { Fixture } from '../support/control-plane-fixture.ts';

async function refusal(answer: Response): Promise<string> {
  const body = (await answer.json()) as { error: { code: string; detail: string } };
  return `${answer.status} ${body.error.code}`;
}

describe('control plane: pairing', () => {
  let fixture: Fixture;
  beforeEach(async () => {
    fixture = await Fixture.start();
  });
  afterEach(async () => {
    expect(fixture.faults()).to.deep.equal([]);
    await fixture.close();
  });

  it('gives an answer that the host can verify from the fingerprint alone', async () => {
    const invitation = await fixture.invite('web-1');
    expect(invitation).to.include({ agent: 'web-1', url: fixture.url });
    const identity = await pairAgent(invitation);
    expect(identity.agent).to.equal('web-1');
    expect(identity.keySet).to.deep.include({ version: 1 });
    const { agents } = await fixture.json<{ agents: object[] }>('GET', '/api/v1/agents');
    expect(agents).to.have.length(1);
    expect(agents[0]).to.include({ agent: 'web-1', status: 'offline', version: null });
  });

  it('answers the same key with the same bytes, and refuses another key', async () => {
    const invitation = await fixture.invite();
    const key = await newKey();
    const body = await pairBody(invitation, key);
    const first = await (await postPair(fixture.url, body)).text();
    expect(await (await postPair(fixture.url, body)).text()).to.equal(first);
    const thief = await postPair(fixture.url, await pairBody(invitation, await newKey()));
    expect(await refusal(thief)).to.equal('409 pairing_code_used');
    const trusted = await verifyPairing(pairAnswerSchema.parse(JSON.parse(first)), {
      fingerprint: invitation.fingerprint,
      agentKey: await keyId(publicOf(key)),
    });
    expect(isRefusal(trusted)).to.equal(false);
  });

  it('gives one of two keys that come at once the identity', async () => {
    const invitation = await fixture.invite();
    const bodies = [await pairBody(invitation, await newKey()), await pairBody(invitation, await newKey())];
    const answers = await Promise.all(bodies.map((body) => postPair(fixture.url, body)));
    expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).to.deep.equal([200, 409]);
  });

  it('takes a code as people type it', async () => {
    const invitation = await fixture.invite();
    const typed = invitation.code.toLowerCase().replaceAll('-', ' ');
    expect((await postPair(fixture.url, await pairBody(invitation, await newKey(), typed))).status).to.equal(200);
  });

  it('refuses a wrong code, a wrong proof, and a code for another control plane', async () => {
    const invitation = await fixture.invite();
    const key = await newKey();
    const wrong = await postPair(fixture.url, await pairBody(invitation, key, 'AAAAAA-AAAAAA'));
    expect(await refusal(wrong)).to.equal('403 pairing_code_invalid');
    const body = await pairBody(invitation, key);
    const stolen = await postPair(fixture.url, { ...body, key: publicOf(await newKey()) });
    expect(await refusal(stolen)).to.equal('403 pairing_code_invalid');
    const elsewhere = await pairBody({ ...invitation, fingerprint: await keyId(publicOf(key)) }, key);
    expect(await refusal(await postPair(fixture.url, elsewhere))).to.equal('403 pairing_code_invalid');
    // None of it used the code up.
    expect((await postPair(fixture.url, body)).status).to.equal(200);
  });

  it('refuses a code after its 15 minutes, and an old one after a new one was made', async () => {
    const invitation = await fixture.invite();
    fixture.skewMs = 15 * 60_000 + 1_000;
    const late = await postPair(fixture.url, await pairBody(invitation, await newKey()));
    expect(await refusal(late)).to.equal('403 pairing_code_invalid');
    const second = await fixture.json<typeof invitation>('POST', '/api/v1/agents/host-1/code');
    const third = await fixture.json<typeof invitation>('POST', '/api/v1/agents/host-1/code');
    const old = await postPair(fixture.url, await pairBody(second, await newKey()));
    expect(await refusal(old)).to.equal('403 pairing_code_invalid');
    expect((await postPair(fixture.url, await pairBody(third, await newKey()))).status).to.equal(200);
  });

  it('refuses a key that is another agent’s', async () => {
    const key = await newKey();
    await pairAgent(await fixture.invite('one'), key);
    const answer = await postPair(fixture.url, await pairBody(await fixture.invite('two'), key));
    expect(await refusal(answer)).to.equal('403 pairing_code_invalid');
  });

  it('refuses bodies that are not the schema, with a coded error', async () => {
    const body = await pairBody(await fixture.invite(), await newKey());
    expect(await refusal(await postPair(fixture.url, { ...body, extra: 1 }))).to.equal('400 request_invalid');
    expect(await refusal(await postPair(fixture.url, { ...body, proof: 'x' }))).to.equal('400 request_invalid');
    expect(await refusal(await postPair(fixture.url, { ...body, pad: 'x'.repeat(100_000) }))).to.equal(
      '413 request_invalid',
    );
    const notJson = await fetch(`${fixture.url}/agent/v1/pair`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{"key":',
    });
    expect(await refusal(notJson)).to.equal('400 request_invalid');
  });

  it('lets a revoked agent in again only through a new code', async () => {
    const first = await fixture.pair();
    await fixture.json('DELETE', '/api/v1/agents/host-1');
    const invitation = await fixture.json<Awaited<ReturnType<Fixture['invite']>>>('POST', '/api/v1/agents/host-1/code');
    const second = await pairAgent(invitation);
    const peer = await fixture.dial(second, 1);
    await peer.hello();
    const error = await fixture.dial(first, 50).catch((reason: unknown) => reason);
    expect(error).to.include({ status: 401, code: 'session_rejected' });
  });

  it('refuses a second agent of one name, and names that are none', async () => {
    await fixture.invite('web-1');
    expect(await refusal(await fixture.call('POST', '/api/v1/agents', { name: 'web-1' }))).to.equal(
      '400 request_invalid',
    );
    expect(await refusal(await fixture.call('POST', '/api/v1/agents', { name: '../x' }))).to.equal(
      '400 request_invalid',
    );
    expect(await refusal(await fixture.call('POST', '/api/v1/agents/none/code'))).to.equal('404 not_found');
  });
});
