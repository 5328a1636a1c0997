// Key-set steps at the agent: in order, durable before they count, and what they revoke.
import { expect } from 'chai';
import type { Journal } from '../../../agent/job/journal.ts';
import { TrustStore } from '../../../agent/job/trust-store.ts';
import { isRefusal } from '../../../protocol/error-codes.ts';
import { agentIdSchema, controlPlaneId, type KeyId } from '../../../protocol/ids.ts';
import { type KeySet, signKeySetStep } from '../../../protocol/key-set.ts';
import type { PrivateKey } from '../../../protocol/jws.ts';
import { keyId } from '../../../protocol/pairing.ts';
import { makeKey } from '../../support/control-plane-peer.ts';
import { memoryJournal } from '../../support/journal-memory.ts';

type Status = KeySet['keys'][number]['status'];
interface Signer {
  readonly key: PrivateKey;
  readonly kid: KeyId;
}

const publicOf = ({ kty, crv, x }: PrivateKey) => ({ kty, crv, x });

describe('the keys that an agent trusts', () => {
  let [first, second]: Signer[] = [];
  const signerOf = async (): Promise<Signer> => {
    const key = makeKey();
    return { key, kid: await keyId(publicOf(key)) };
  };
  const one = (): Signer => first ?? expect.fail('no key');
  const two = (): Signer => second ?? expect.fail('no key');

  before(async () => {
    first = await signerOf();
    second = await signerOf();
  });

  const setOf = (version: number, keys: readonly (readonly [Signer, Status])[]): KeySet => ({
    iss: controlPlaneId(one().kid),
    version,
    keys: keys.map(([{ key, kid }, status]) => ({ kid, key: publicOf(key), status })),
  });
  const storeOn = (journal: Journal): TrustStore => {
    const keySet = setOf(1, [[one(), 'active']]);
    return new TrustStore({ agent: agentIdSchema.parse('host-1'), controlPlane: keySet.iss, keySet }, journal);
  };
  const step = (set: KeySet, by: Signer): Promise<string> => signKeySetStep(set, by.key, by.kid);

  it('go step by step, each signed by a key that was active before it', async () => {
    const journal = memoryJournal();
    const store = storeOn(journal);
    const both = setOf(2, [
      [one(), 'active'],
      [two(), 'active'],
    ]);
    const rotated = setOf(3, [
      [one(), 'retired'],
      [two(), 'active'],
    ]);
    expect(await store.apply(await step(both, one()))).to.deep.include({ revoked: [] });
    expect([...store.now().keys.keys()]).to.have.members([one().kid, two().kid]);
    expect(await store.apply(await step(rotated, one()))).to.deep.include({ revoked: [] });
    expect([...store.now().keys.keys()]).to.deep.equal([two().kid]);
    expect((await journal.facts()).keySet).to.deep.equal(rotated);
    const byRetired = await store.apply(await step({ ...both, version: 4 }, one()));
    expect(isRefusal(byRetired) && byRetired.code).to.equal('token_unknown_key');
    expect(store.keySet).to.deep.equal(rotated);
  });

  it('are not changed by a step that is repeated, skipped, foreign or for another control plane', async () => {
    const journal = memoryJournal();
    const store = storeOn(journal);
    const next = setOf(2, [[one(), 'active']]);
    const bad = {
      token_unknown_key: step(next, two()),
      token_malformed: Promise.resolve('nothing'),
      token_bad_claims: step({ ...next, iss: controlPlaneId(two().kid) }, one()),
    };
    for (const [code, token] of Object.entries(bad)) {
      const refused = await store.apply(await token);
      expect(isRefusal(refused) && refused.code).to.equal(code);
    }
    for (const version of [1, 3, 7]) {
      const refused = await store.apply(await step({ ...next, version }, one()));
      expect(isRefusal(refused) && refused.code, `version ${version}`).to.equal('token_bad_claims');
    }
    expect(store.keySet.version).to.equal(1);
    expect((await journal.facts()).keySet).to.equal(null);
  });

  it('names a key as revoked once: when it becomes so', async () => {
    const store = storeOn(memoryJournal());
    const steps = [
      setOf(2, [
        [one(), 'active'],
        [two(), 'active'],
      ]),
      setOf(3, [
        [one(), 'active'],
        [two(), 'revoked'],
      ]),
      setOf(4, [
        [one(), 'active'],
        [two(), 'revoked'],
      ]),
    ];
    const revoked: unknown[] = [];
    for (const set of steps) {
      const applied = await store.apply(await step(set, one()));
      revoked.push(isRefusal(applied) ? applied.code : applied.revoked);
    }
    expect(revoked).to.deep.equal([[], [two().kid], []]);
  });

  it('count only once they are durable', async () => {
    const failing = new Proxy(memoryJournal(), {
      get: (target, name) =>
        name === 'commit' ? () => Promise.reject(new Error('disk full')) : (Reflect.get(target, name) as unknown),
    });
    const store = storeOn(failing);
    const failed = await store
      .apply(await step(setOf(2, [[one(), 'revoked']]), one()))
      .catch((error: unknown) => error);
    expect(failed).to.be.instanceOf(Error);
    expect([store.keySet.version, store.now().keys.size]).to.deep.equal([1, 1]);
  });
});
