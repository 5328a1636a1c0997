// Who this host is at its control plane: made by pairing, read at every start. The private key is sealed with the state key, so a copy of
// this file alone is worth nothing.
import { createCipheriv, createDecipheriv, generateKeyPairSync, hkdfSync, randomBytes } from 'node:crypto';
import { existsSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { type Refusal, refuse } from '../../protocol/error-codes.ts';
import { agentIdSchema, controlPlaneIdSchema, keyIdSchema } from '../../protocol/ids.ts';
import { type PrivateKey, privateKeySchema, publicKeySchema } from '../../protocol/jws.ts';
import { keySetSchema } from '../../protocol/key-set.ts';
import { safeParse } from '../../protocol/safe-parse.ts';
import { readJsonSecret, readSecretFile, SecretFileError, writeSecretFile } from './keys-file.ts';

const stateKeyBytes = 32;

/** Before pairing has its answer: only the key is known. */
const pendingSchema = z.strictObject({
  version: z.literal(1),
  public_key: publicKeySchema,
  sealed_key: z.base64url(),
});

const identitySchema = pendingSchema.extend({
  agent: agentIdSchema,
  agent_key: keyIdSchema,
  control_plane: controlPlaneIdSchema,
  /** The key set that pairing pinned; later steps are in the journal. */
  key_set: keySetSchema,
});

type IdentityFile = z.infer<typeof identitySchema>;
export type Identity = Omit<IdentityFile, 'version' | 'sealed_key' | 'public_key'> & {
  readonly privateKey: PrivateKey;
};

/** The key that everything in the state directory is sealed with: a systemd credential, else a file made at first use. */
export async function loadStateKey(directory: string, credentials: string | undefined): Promise<Uint8Array> {
  const given = credentials === undefined ? undefined : join(credentials, 'state_key');
  const path = given !== undefined && existsSync(given) ? given : join(directory, 'state.key');
  if (!existsSync(path)) await writeSecretFile(path, `${randomBytes(stateKeyBytes).toString('base64url')}\n`);
  const key = Buffer.from(await readSecretFile(path), 'base64url');
  if (key.length === stateKeyBytes) return key;
  const found = `it holds ${key.length} bytes, not ${stateKeyBytes} in base64url`;
  throw new SecretFileError(
    'malformed',
    path,
    found,
    'restore the file from a backup; without it the state cannot be read',
  );
}

/** The key of an identity in the making: the same one again until pairing succeeded, so that a lost answer can be asked for again. */
export async function pendingKey(directory: string, stateKey: Uint8Array): Promise<PrivateKey> {
  const path = pendingPath(directory);
  if (existsSync(path)) {
    const pending = safeParse(pendingSchema, await readJsonSecret(path)).data;
    const key = pending && unseal(pending.sealed_key, stateKey);
    if (key) return key;
  }
  const pair = generateKeyPairSync('ed25519').privateKey.export({ format: 'jwk' });
  const key = privateKeySchema.parse({ kty: pair.kty, crv: pair.crv, x: pair.x, d: pair.d });
  const { d: _secret, ...publicKey } = key;
  const file = { version: 1, public_key: publicKey, sealed_key: seal(key, stateKey) };
  await writeSecretFile(path, `${JSON.stringify(file)}\n`);
  return key;
}

export async function saveIdentity(directory: string, identity: Identity, stateKey: Uint8Array): Promise<void> {
  const { privateKey, ...rest } = identity;
  const { d: _secret, ...publicKey } = privateKey;
  const file: IdentityFile = { version: 1, public_key: publicKey, sealed_key: seal(privateKey, stateKey), ...rest };
  await writeSecretFile(identityPath(directory), `${JSON.stringify(file)}\n`);
  rmSync(pendingPath(directory), { force: true });
}

export function isPaired(directory: string): boolean {
  return existsSync(identityPath(directory));
}

/** Sets an identity aside together with its journal (pairing anew); nothing is deleted, and no job goes over to the new identity. */
export async function retireIdentity(directory: string, suffix: string): Promise<void> {
  for (const name of ['journal.db', 'journal.db-wal', 'identity.json']) {
    const path = join(directory, name);
    if (existsSync(path)) renameSync(path, `${path}.${suffix}`);
  }
}

/** Refusals: not_paired, state_damaged. @throws SecretFileError when others can read the file. */
export async function loadIdentity(directory: string, stateKey: Uint8Array): Promise<Identity | Refusal> {
  if (!isPaired(directory)) {
    return refuse('not_paired', `expected an identity in ${directory}, found none; run \`iam-agent pair URL\``);
  }
  const file = safeParse(identitySchema, await readJsonSecret(identityPath(directory))).data;
  if (file === undefined) {
    return refuse('state_damaged', `${identityPath(directory)} is not an identity; pair this host again`);
  }
  const privateKey = unseal(file.sealed_key, stateKey);
  if (privateKey === null) {
    return refuse(
      'state_damaged',
      `the key in ${identityPath(directory)} does not open; is the state key the right one?`,
    );
  }
  const { version: _version, sealed_key: _sealed, public_key: _public, ...identity } = file;
  return { ...identity, privateKey };
}

function identityPath(directory: string): string {
  return join(directory, 'identity.json');
}

function pendingPath(directory: string): string {
  return join(directory, 'identity.pending.json');
}

function sealingKey(stateKey: Uint8Array): Buffer {
  return Buffer.from(hkdfSync('sha256', stateKey, '', 'iam-agent identity v1', 32));
}

function seal(key: PrivateKey, stateKey: Uint8Array): string {
  const nonce = randomBytes(12);
  const cipher = createCipheriv('aes-256-gcm', sealingKey(stateKey), nonce);
  const body = Buffer.concat([cipher.update(JSON.stringify(key), 'utf8'), cipher.final()]);
  return Buffer.concat([nonce, cipher.getAuthTag(), body]).toString('base64url');
}

function unseal(sealed: string, stateKey: Uint8Array): PrivateKey | null {
  const bytes = Buffer.from(sealed, 'base64url');
  try {
    const decipher = createDecipheriv('aes-256-gcm', sealingKey(stateKey), bytes.subarray(0, 12), {
      authTagLength: 16,
    });
    decipher.setAuthTag(bytes.subarray(12, 28));
    const text = Buffer.concat([decipher.update(bytes.subarray(28)), decipher.final()]).toString('utf8');
    return safeParse(privateKeySchema, JSON.parse(text)).data ?? null;
  } catch {
    return null;
  }
}
