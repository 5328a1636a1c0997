// The order of the checks: a token that is wrong in several ways gets the code of the first one, and a known id is answered before time counts.
import { expect } from 'chai';
import { nodeHashing } from '../../../node/hashing.ts';
import type { StoredJob } from '../../../agent/job/journal.ts';
import { type Trust, type Verdict, verifyToken } from '../../../agent/job/verify.ts';
import { type AgentJob, onCancel, rejectJob } from '../../../protocol/agent-job.ts';
import { chainStart } from '../../../protocol/digest-chain.ts';
import { agentIdSchema, controlPlaneId, type KeyId } from '../../../protocol/ids.ts';
import type { JobClaims } from '../../../protocol/job-claims.ts';
import { signJob } from '../../../protocol/job-token.ts';
import type { PrivateKey } from '../../../protocol/jws.ts';
import { limits } from '../../../protocol/limits.ts';
import { keyId } from '../../../protocol/pairing.ts';
import { claimsOf, jobIdOf, jobOf } from '../../contract/journal-samples.ts';
import { makeKey } from '../../support/control-plane-peer.ts';

const id = jobIdOf(1);
const nowMs = 1_700_000_100_000;
const start = chainStart(nodeHashing, id);

describe('a job token', () => {
  let key: PrivateKey;
  let kid: KeyId;
  let trust: Trust;
  const publicOf = ({ kty, crv, x }: PrivateKey) => ({ kty, crv, x });

  before(async () => {
    key = makeKey();
    kid = await keyId(publicOf(key));
    trust = {
      agent: agentIdSchema.parse('agent-1'),
      controlPlane: controlPlaneId(kid),
      keys: new Map([[kid, publicOf(key)]]),
    };
  });

  const sign = (change: Partial<JobClaims> = {}): Promise<string> =>
    signJob({ ...claimsOf(id, [1]), iss: trust.controlPlane, ...change }, key, kid);

  async function verify(token: string, state: AgentJob | null = null, atMs = nowMs) {
    const looked: string[] = [];
    const stored: StoredJob | null = state === null ? null : { ...jobOf(1), state };
    const find = (asked: string): Promise<StoredJob | null> => Promise.resolve((looked.push(asked), stored));
    return { verdict: await verifyToken(token, { trust, hashing: nodeHashing, nowMs: atMs, find }), looked };
  }
  const codeOf = (verdict: Verdict): string => (verdict.kind === 'rejected' ? verdict.refusal.code : verdict.kind);
  const acceptedAs = (token: string): AgentJob => ({ ...jobOf(1).state, tokenDigest: nodeHashing.sha256(token) });

  it('that is right and new is accepted with its digest, claims and key', async () => {
    const token = await sign();
    const { verdict, looked } = await verify(token);
    expect(verdict).to.deep.include({ kind: 'new', digest: nodeHashing.sha256(token), kid });
    expect(looked).to.deep.equal([id]);
  });

  it('is judged by the first of its faults, and the journal is asked only about what was signed for this host', async () => {
    const late = { iat: 1_600_000_000, exp: 1_600_000_600 };
    const wrongKey = makeKey();
    const wrongKid = await keyId(publicOf(wrongKey));
    const elsewhere = agentIdSchema.parse('elsewhere');
    const good = await sign({ ...late, aud: elsewhere });
    const cases: [string, string][] = [
      ['token_too_large', 'x'.repeat(limits.tokenBytes + 1)],
      ['token_malformed', good.replace('.', '')],
      ['token_unknown_key', await signJob({ ...claimsOf(id, [1]), ...late, aud: elsewhere }, wrongKey, wrongKid)],
      ['token_bad_signature', await signJob({ ...claimsOf(id, [1]), ...late, aud: elsewhere }, wrongKey, kid)],
      ['token_bad_claims', await sign({ ...late, aud: elsewhere, rows: { ...claimsOf(id, [1]).rows, count: 7 } })],
      ['token_bad_claims', await sign({ ...late, aud: elsewhere, iss: controlPlaneId(wrongKid) })],
      ['token_wrong_audience', good],
    ];
    for (const [code, token] of cases) {
      const { verdict, looked } = await verify(token, acceptedAs('another token'));
      expect(codeOf(verdict)).to.equal(code);
      expect(verdict).to.include({ job: null, verified: null });
      expect(looked).to.deep.equal([]);
    }
  });

  it('of a known id is answered from its state whatever the time is; another token with the id is replayed', async () => {
    const token = await sign({ iat: 1_600_000_000, exp: 1_600_000_600 });
    const known = await verify(token, acceptedAs(token));
    expect(known.verdict).to.deep.include({ kind: 'known', replies: ['accepted'] });
    const replayed = await verify(token, acceptedAs('another token'));
    expect(codeOf(replayed.verdict)).to.equal('replayed');
    expect(replayed.verdict).to.include({ job: id, verified: null });
  });

  it('that comes after its cancel, after its refusal or after the record was lost is known, and never new', async () => {
    const token = await sign();
    const facts = { digest: nodeHashing.sha256(token), rows: 1, chunks: 1, chainStart: start };
    const states: [AgentJob, string[]][] = [
      [onCancel(undefined, start).next, ['finished']],
      [rejectJob(facts, 'action_not_allowed'), ['rejected']],
      [{ ...acceptedAs(token), phase: 'quarantined' }, ['quarantined']],
      [{ ...acceptedAs(token), phase: 'closed' }, ['accepted', 'finished']],
    ];
    for (const [state, replies] of states) {
      const { verdict } = await verify(token, state);
      expect(verdict).to.deep.include({ kind: 'known', replies });
    }
  });

  it('is new only within its time, with the skew that is stated; a refusal then can be kept', async () => {
    const token = await sign();
    const at = (seconds: number): number => (1_700_000_000 + seconds) * 1000;
    const skew = limits.clockSkewMs / 1000;
    const cases: [number, string][] = [
      [at(-skew - 1), 'token_not_yet_valid'],
      [at(-skew), 'new'],
      [at(600 + skew), 'new'],
      [at(600 + skew + 1), 'token_expired'],
    ];
    for (const [atMs, wanted] of cases) {
      const { verdict } = await verify(token, null, atMs);
      expect(codeOf(verdict), wanted).to.equal(wanted);
      if (verdict.kind === 'rejected') expect(verdict.verified?.claims.jti).to.equal(id);
    }
    const long = await verify(await sign({ exp: 1_700_000_000 + limits.tokenLifetimeMs / 1000 + 1 }));
    expect(codeOf(long.verdict)).to.equal('token_bad_claims');
  });
});
