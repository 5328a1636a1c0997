// The signing keys: private keys as files in the data directory, the public key sets as steps in the store. The root key names this control
// plane and answers pairings; losing it means pairing every host again. A private key never leaves this file but as a signature.
import { generateKeyPair, exportJWK } from 'jose';
import { randomBytes } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type Refusal, isRefusal, refuse } from '../protocol/error-codes.ts';
import { type ControlPlaneId, type KeyId, controlPlaneId } from '../protocol/ids.ts';
import type { JobClaims } from '../protocol/job-claims.ts';
import { signJobWith } from '../protocol/job-token.ts';
import { type PrivateKey, type PublicKey, privateKeySchema, publicKeySchema } from '../protocol/jws.ts';
import { type KeySet, keySetSchema } from '../protocol/key-set.ts';
import { type PairingClaims, keyId, signPairing } from '../protocol/pairing.ts';
import { readSecretFile, writeSecretFile } from './secret-file.ts';
import { signerOf } from '../node/signatures.ts';
import type { Queries } from './store/store.ts';

export interface SigningKeys {
  readonly kind: 'signing_keys';
  readonly root: PublicKey;
  /** Key id of the root key: what an operator compares. */
  readonly fingerprint: KeyId;
  readonly controlPlane: ControlPlaneId;
  signJob(claims: JobClaims): string;
  signPairing(claims: PairingClaims): Promise<string>;
  keySet(): KeySet;
  /** Signed steps after `version`, oldest first. */
  stepsAfter(version: number): Promise<readonly string[]>;
}

/** 32 random bytes of the data directory, made at first start. */
export async function storeKey(dataDir: string): Promise<Uint8Array | Refusal> {
  const path = join(dataDir, 'store.key');
  const kept = await readSecretFile(path);
  if (isRefusal(kept)) return kept;
  if (kept !== null) {
    const key = Buffer.from(kept, 'base64url');
    return key.byteLength === 32 ? key : refuse('state_damaged', `${path} holds no key; restore it from a backup`);
  }
  const made = randomBytes(32);
  await writeSecretFile(path, made.toString('base64url'));
  return made;
}

/** Reads the keys, or makes them in an empty data directory. */
export async function openKeys(dataDir: string, db: Queries): Promise<SigningKeys | Refusal> {
  const folder = join(dataDir, 'keys');
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const root = await rootKey(join(folder, 'root.json'), db);
  if (isRefusal(root)) return root;
  const fingerprint = await keyId(publicPart(root));
  const controlPlane = controlPlaneId(fingerprint);
  const set = await currentSet(db, controlPlane, fingerprint, publicPart(root));
  const active = set.keys.find((entry) => entry.status === 'active');
  if (active === undefined) return refuse('state_damaged', 'no signing key is active');
  const signer = active.kid === fingerprint ? root : await readKey(join(folder, `${active.kid}.json`));
  if (isRefusal(signer) || signer === null)
    return signer ?? refuse('state_damaged', `the active signing key ${active.kid} has no file in ${folder}`);
  const sign = signerOf(signer);
  return {
    kind: 'signing_keys',
    root: publicPart(root),
    fingerprint,
    controlPlane,
    signJob: (claims) => signJobWith(sign, claims, active.kid),
    signPairing: (claims) => signPairing(claims, root, fingerprint),
    keySet: () => set,
    async stepsAfter(version) {
      const query = db.selectFrom('key_set_steps').select('step').where('version', '>', version).orderBy('version');
      return (await query.execute()).flatMap(({ step }) => step ?? []);
    },
  };
}

async function rootKey(path: string, db: Queries): Promise<PrivateKey | Refusal> {
  const kept = await readKey(path);
  if (kept !== null) return kept;
  // A store that knows a key set belongs to a root key: a new one would silently cut off every paired host.
  const known = await db.selectFrom('key_set_steps').select('version').limit(1).executeTakeFirst();
  if (known !== undefined)
    return refuse('state_damaged', `the store exists but its root key ${path} is gone; restore it from a backup`);
  const made = await newRootKey();
  await writeSecretFile(path, JSON.stringify(made));
  return made;
}

/** Its fingerprint is given on command lines, so it does not look like an option there. */
async function newRootKey(): Promise<PrivateKey> {
  for (;;) {
    const pair = await generateKeyPair('Ed25519', { extractable: true });
    const { kty, crv, x, d } = await exportJWK(pair.privateKey);
    const made = privateKeySchema.parse({ kty, crv, x, d });
    if (!(await keyId(publicPart(made))).startsWith('-')) return made;
  }
}

async function readKey(path: string): Promise<PrivateKey | Refusal | null> {
  const text = await readSecretFile(path);
  if (text === null || isRefusal(text)) return text;
  try {
    return privateKeySchema.parse(JSON.parse(text));
  } catch {
    return refuse('state_damaged', `${path} holds no Ed25519 private key; restore it from a backup`);
  }
}

async function currentSet(db: Queries, iss: ControlPlaneId, kid: KeyId, key: PublicKey): Promise<KeySet> {
  const query = db.selectFrom('key_set_steps').select('key_set').orderBy('version', 'desc').limit(1);
  const kept = await query.executeTakeFirst();
  if (kept !== undefined) return keySetSchema.parse(JSON.parse(kept.key_set));
  const first: KeySet = { iss, version: 1, keys: [{ kid, key, status: 'active' }] };
  await db
    .insertInto('key_set_steps')
    .values({ version: 1, key_set: JSON.stringify(first), step: null })
    .execute();
  return first;
}

function publicPart({ kty, crv, x }: PrivateKey): PublicKey {
  return publicKeySchema.parse({ kty, crv, x });
}
