// Every signed object is read back by its own reader, at the edges of its time window, and by no other reader.
import { expect } from 'chai';
import * as agentSignatures from '../../node/signatures.ts';
import * as controlPlaneSignatures from '../../node/signatures.ts';
import { decodeFrameToAgent, encodeFrame } from '../../protocol/codec.ts';
import { isRefusal } from '../../protocol/error-codes.ts';
import { type FinishedClaims, signFinished, verifyFinished } from '../../protocol/finished-statement.ts';
import { checkJobTime, signJob, signJobWith, tokenDigest, verifyJob } from '../../protocol/job-token.ts';
import { type KeySet, activeKeys, applyKeySetStep, signKeySetStep } from '../../protocol/key-set.ts';
import { limits } from '../../protocol/limits.ts';
import {
  codeId,
  codeKey,
  keyId,
  normaliseCode,
  pairingProof,
  signPairing,
  verifyPairing,
} from '../../protocol/pairing.ts';
import { sessionKeyId, signSession, verifySession } from '../../protocol/session-token.ts';
import {
  type Pair,
  agent,
  hashing,
  issuer,
  job,
  jobClaims,
  makePair,
  nowMs,
  nowSeconds,
  someDigest,
} from './corpus/signing.ts';

describe('signed objects', () => {
  let root: Pair;
  let host: Pair;
  let next: Pair;
  const keysOf = (...pairs: Pair[]): Map<string, Pair['publicKey']> =>
    new Map(pairs.map((pair) => [pair.kid, pair.publicKey]));
  const set = (version: number, entries: [Pair, KeySet['keys'][number]['status']][]): KeySet => ({
    iss: issuer(root),
    version,
    keys: entries.map(([pair, status]) => ({ kid: pair.kid, key: pair.publicKey, status })),
  });

  before(async () => {
    [root, host, next] = await Promise.all([makePair(), makePair(), makePair()]);
  });

  it('job token: gives back exactly what was signed', async () => {
    const claims = jobClaims(issuer(root));
    const token = await signJob(claims, root.privateKey, root.kid);
    const trust = { agent, controlPlane: issuer(root), keys: keysOf(root) };
    expect(await verifyJob(token, trust)).to.deep.equal({ kind: 'verified', claims, kid: root.kid });
    expect(tokenDigest(hashing, token)).to.equal(hashing.sha256(token));
    expect(tokenDigest(hashing, token)).not.to.equal(
      tokenDigest(hashing, await signJob({ ...claims, sub: 'b' }, root.privateKey, root.kid)),
    );
  });

  it('is the same signed at once, and verifies at once only with its own key and unchanged', async () => {
    const claims = jobClaims(issuer(root));
    const token = await signJob(claims, root.privateKey, root.kid);
    for (const { signerOf, nodeVerify: verify } of [agentSignatures, controlPlaneSignatures]) {
      expect(signJobWith(signerOf(root.privateKey), claims, root.kid)).to.equal(token);
      const trust = { agent, controlPlane: issuer(root), keys: keysOf(root), verify };
      expect(await verifyJob(token, trust)).to.deep.equal({ kind: 'verified', claims, kid: root.kid });
      const byHost = signJobWith(signerOf(host.privateKey), claims, root.kid);
      expect(await verifyJob(byHost, trust)).to.include({ code: 'token_bad_signature' });
      const [header = '', , signature = ''] = token.split('.');
      const other = signJobWith(signerOf(root.privateKey), { ...claims, sub: 'other' }, root.kid).split('.')[1];
      expect(await verifyJob(`${header}.${other}.${signature}`, trust)).to.include({ code: 'token_bad_signature' });
      expect(verify({ x: 'no key' }, Buffer.from('a'), Buffer.alloc(64))).to.equal(false);
    }
  });

  it('job token: one of the largest job, with full inputs beside it, fits its limit and a frame', async () => {
    const chunks = Array.from({ length: limits.jobRows / limits.chunkRows }, (_, chunk) => ({
      rows: limits.chunkRows,
      digest: hashing.sha256(String(chunk)),
    }));
    const inputs = { Document: 'x'.repeat(100_000) };
    const claims = { ...jobClaims(issuer(root)), inputs, rows: { count: limits.jobRows, chunks } };
    const token = await signJob(claims, root.privateKey, root.kid);
    expect(token.length).to.be.within(700_000, limits.tokenBytes);
    const frame = decodeFrameToAgent(encodeFrame({ type: 'job', token }));
    if (frame.kind !== 'frame' || frame.frame.type !== 'job') throw new Error('the frame was refused');
    const trust = { agent, controlPlane: issuer(root), keys: keysOf(root) };
    expect(await verifyJob(frame.frame.token, trust)).to.deep.equal({ kind: 'verified', claims, kid: root.kid });
  });

  it('job token: does not sign what it would not read', () => {
    const claims = jobClaims(issuer(root));
    expect(() => signJob({ ...claims, action: '' }, root.privateKey, root.kid)).to.throw();
    expect(() => signJob({ ...claims, extra: 1 } as never, root.privateKey, root.kid)).to.throw();
  });

  it('job token: the time window has the stated skew on both ends, to the millisecond', () => {
    const claims = jobClaims(issuer(root));
    const code = (atMs: number): string | undefined => checkJobTime(claims, atMs)?.code;
    expect(code(claims.iat * 1_000 - limits.clockSkewMs)).to.equal(undefined);
    expect(code(claims.iat * 1_000 - limits.clockSkewMs - 1)).to.equal('token_not_yet_valid');
    expect(code(claims.exp * 1_000 + limits.clockSkewMs)).to.equal(undefined);
    expect(code(claims.exp * 1_000 + limits.clockSkewMs + 1)).to.equal('token_expired');
  });

  it('session token: gives back agent and counter, within its window', async () => {
    const token = await signSession(
      { agent, controlPlane: issuer(root), counter: 7, nowMs },
      host.privateKey,
      host.kid,
    );
    const read = (atMs: number): ReturnType<typeof verifySession> =>
      verifySession(token, { controlPlane: issuer(root), keys: keysOf(host), nowMs: atMs });
    expect(await read(nowMs)).to.deep.equal({
      iss: agent,
      sub: agent,
      aud: issuer(root),
      iat: nowSeconds,
      exp: nowSeconds + 60,
      session: 7,
    });
    const late = nowMs + limits.sessionTokenLifetimeMs + limits.clockSkewMs;
    expect(isRefusal(await read(late))).to.equal(false);
    expect(await read(late + 1)).to.include({ code: 'token_expired' });
    expect(await read(nowMs - limits.clockSkewMs - 1)).to.include({ code: 'token_not_yet_valid' });
    expect(sessionKeyId(token)).to.equal(host.kid);
    for (const text of ['', '.', 'e30.e30.e30', `${'a'.repeat(limits.smallTokenBytes)}.a.a`, '%%%'])
      expect(sessionKeyId(text)).to.equal(null);
  });

  it('finished statement: gives back what the agent said, and only of this agent', async () => {
    const claims: FinishedClaims = {
      iss: agent,
      aud: issuer(root),
      jti: job,
      token_digest: someDigest,
      status: 'completed',
      rows: { succeeded: 2, unknown: 1 },
      last_sequence: 5,
      head: someDigest,
      iat: nowSeconds,
    };
    const statement = await signFinished(claims, host.privateKey, host.kid);
    const trust = { agent, controlPlane: issuer(root), keys: keysOf(host) };
    expect(await verifyFinished(statement, trust)).to.deep.equal(claims);
    expect(await verifyFinished(statement, { ...trust, agent: 'host-2' })).to.include({ code: 'token_wrong_audience' });
    expect(await verifyFinished(statement, { ...trust, keys: keysOf(root) })).to.include({ code: 'token_unknown_key' });
  });

  it('key set: applies steps one by one, and a key that left signs nothing more', async () => {
    const first = set(1, [[root, 'active']]);
    const second = set(2, [
      [root, 'retired'],
      [next, 'active'],
    ]);
    const step = await signKeySetStep(second, root.privateKey, root.kid);
    expect(await applyKeySetStep(first, step, issuer(root))).to.deep.equal(second);
    expect(await applyKeySetStep(second, step, issuer(root))).to.include({ code: 'token_unknown_key' });
    const third = set(3, [
      [root, 'active'],
      [next, 'revoked'],
    ]);
    const byRetired = await signKeySetStep(third, root.privateKey, root.kid);
    expect(await applyKeySetStep(second, byRetired, issuer(root))).to.include({ code: 'token_unknown_key' });
    const byNext = await signKeySetStep(third, next.privateKey, next.kid);
    expect(await applyKeySetStep(second, byNext, issuer(root))).to.deep.equal(third);
    expect(await applyKeySetStep(first, byNext, issuer(root))).to.include({ code: 'token_unknown_key' });
    expect([...activeKeys(third).keys()]).to.deep.equal([root.kid]);
  });

  it('pairing: the code counts as people type it, and its proof is bound to key and control plane', async () => {
    expect(normaliseCode(' ab-cd ef ')).to.equal('ABCDEF');
    const key = codeKey(hashing, 'ab-cd');
    expect(key).to.equal(codeKey(hashing, 'AB CD'));
    expect(codeId(hashing, key)).not.to.equal(key);
    const proof = pairingProof(hashing, key, host.kid, root.kid);
    expect(proof).to.equal(hashing.hmacSha256(key, `${host.kid}.${root.kid}`));
    expect(
      new Set([proof, pairingProof(hashing, key, next.kid, root.kid), pairingProof(hashing, key, host.kid, next.kid)])
        .size,
    ).to.equal(3);
    expect(await keyId(host.publicKey)).to.equal(host.kid);
  });

  it('pairing: trusts the announced root key only, and an answer to our key only', async () => {
    const claims = { iss: issuer(root), agent, agent_key: host.kid, key_set: set(1, [[root, 'active']]) };
    const answer = await signPairing(claims, root.privateKey, root.kid);
    const expected = { fingerprint: root.kid, agentKey: host.kid };
    expect(await verifyPairing({ root: root.publicKey, answer }, expected)).to.deep.equal({
      agent,
      keySet: claims.key_set,
    });
    expect(await verifyPairing({ root: next.publicKey, answer }, expected)).to.include({
      code: 'fingerprint_mismatch',
    });
    expect(await verifyPairing({ root: root.publicKey, answer }, { ...expected, agentKey: next.kid })).to.include({
      code: 'token_wrong_audience',
    });
  });

  it('none passes for another', async () => {
    const keys = keysOf(root);
    const controlPlane = issuer(root);
    const jobToken = await signJob(jobClaims(controlPlane), root.privateKey, root.kid);
    const step = await signKeySetStep(set(2, [[root, 'active']]), root.privateKey, root.kid);
    const session = await signSession({ agent, controlPlane, counter: 1, nowMs }, root.privateKey, root.kid);
    for (const token of [step, session])
      expect(await verifyJob(token, { agent, controlPlane, keys })).to.include({ code: 'token_wrong_type' });
    for (const token of [jobToken, session])
      expect(await applyKeySetStep(set(1, [[root, 'active']]), token, controlPlane)).to.include({
        code: 'token_wrong_type',
      });
    for (const token of [jobToken, step]) {
      expect(await verifySession(token, { controlPlane, keys, nowMs })).to.include({ code: 'token_wrong_type' });
      expect(await verifyFinished(token, { agent, controlPlane, keys })).to.include({ code: 'token_wrong_type' });
      expect(
        await verifyPairing({ root: root.publicKey, answer: token }, { fingerprint: root.kid, agentKey: host.kid }),
      ).to.include({ code: 'token_wrong_type' });
    }
  });
});
