// The host's identity on disk: what a copy of a file is worth, what damage looks like, and that nothing is thrown away.
import { randomBytes } from 'node:crypto';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import {
  type Identity,
  isPaired,
  loadIdentity,
  loadStateKey,
  pendingKey,
  retireIdentity,
  saveIdentity,
} from '../../../agent/io/identity-file.ts';
import { SecretFileError } from '../../../agent/io/keys-file.ts';
import { isRefusal } from '../../../protocol/error-codes.ts';
import { agentIdSchema, controlPlaneId } from '../../../protocol/ids.ts';
import { keyId } from '../../../protocol/pairing.ts';

describe('the identity of a host', () => {
  let folder: string;
  let stateKey: Uint8Array;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'iam-agent-identity-'));
    stateKey = await loadStateKey(folder, undefined);
  });

  afterEach(() => rm(folder, { recursive: true, force: true }));

  const at = (name: string): string => join(folder, name);

  async function paired(): Promise<Identity> {
    const privateKey = await pendingKey(folder, stateKey);
    const { d: _secret, ...key } = privateKey;
    const kid = await keyId(key);
    const iss = controlPlaneId(kid);
    const identity: Identity = {
      agent: agentIdSchema.parse('host-1'),
      agent_key: kid,
      control_plane: iss,
      key_set: { iss, version: 1, keys: [{ kid, key, status: 'active' }] },
      privateKey,
    };
    await saveIdentity(folder, identity, stateKey);
    return identity;
  }

  async function refusalOf(key = stateKey): Promise<string> {
    const loaded = await loadIdentity(folder, key);
    if (!isRefusal(loaded)) throw new Error('it was loaded');
    expect(loaded.detail).to.include(folder);
    return loaded.code;
  }

  const faultOf = async (work: Promise<unknown>): Promise<string> => {
    const error = await work.catch((reason: unknown) => reason);
    return error instanceof SecretFileError ? error.fault : `no fault: ${String(error)}`;
  };

  it('comes back as it was saved, in files of its owner, and no key stands in the open', async () => {
    const identity = await paired();
    expect(await loadIdentity(folder, stateKey)).to.deep.equal(identity);
    expect(await readdir(folder)).to.have.members(['identity.json', 'state.key']);
    for (const name of await readdir(folder)) {
      expect((await stat(at(name))).mode & 0o777, name).to.equal(0o600);
      expect(await readFile(at(name), 'utf8'), name).not.to.include(identity.privateKey.d);
    }
  });

  it('is none before pairing, and says what to do', async () => {
    expect(isPaired(folder)).to.equal(false);
    const loaded = await loadIdentity(folder, stateKey);
    expect(isRefusal(loaded) && [loaded.code, /iam-agent pair/.test(loaded.detail)]).to.deep.equal([
      'not_paired',
      true,
    ]);
  });

  it('makes one key and keeps it until pairing succeeded: the same again after a lost answer', async () => {
    const first = await pendingKey(folder, stateKey);
    expect(await pendingKey(folder, stateKey)).to.deep.equal(first);
    expect(await readFile(at('identity.pending.json'), 'utf8')).not.to.include(first.d);
    expect(await pendingKey(folder, randomBytes(32)), 'under another state key').not.to.deep.equal(first);
    await paired();
    expect(await readdir(folder)).not.to.include('identity.pending.json');
    expect(await pendingKey(folder, stateKey), 'after pairing').not.to.deep.equal(first);
  });

  it('does not open under another state key, changed, cut short, or as another kind of file', async () => {
    await paired();
    const file = JSON.parse(await readFile(at('identity.json'), 'utf8')) as Record<string, unknown>;
    const sealed = String(file['sealed_key']);
    const flipped = `${sealed.slice(0, 40)}${sealed[40] === 'A' ? 'B' : 'A'}${sealed.slice(41)}`;
    const damaged = [
      { ...file, sealed_key: flipped },
      { ...file, sealed_key: sealed.slice(0, 20) },
      { ...file, sealed_key: '' },
      { ...file, version: 2 },
      { ...file, extra: true },
      { ...file, agent: '../other' },
      { version: 1 },
      null,
      [],
    ];
    expect(await refusalOf(randomBytes(32))).to.equal('state_damaged');
    for (const one of damaged) {
      await writeFile(at('identity.json'), JSON.stringify(one), { mode: 0o600 });
      expect(await refusalOf(), JSON.stringify(one)).to.equal('state_damaged');
    }
    await writeFile(at('identity.json'), '{"version":1,');
    expect(await faultOf(loadIdentity(folder, stateKey))).to.equal('malformed');
    await writeFile(at('identity.json'), '');
    expect(await faultOf(loadIdentity(folder, stateKey))).to.equal('empty');
  });

  it('is not read from a file that others can read', async () => {
    await paired();
    for (const name of ['identity.json', 'state.key']) {
      await chmod(at(name), 0o640);
      const load = name === 'state.key' ? loadStateKey(folder, undefined) : loadIdentity(folder, stateKey);
      expect(await faultOf(load), name).to.equal('exposed');
      await chmod(at(name), 0o600);
    }
  });

  it('has one state key, made once, and takes the one that systemd gives first', async () => {
    expect(stateKey).to.have.length(32);
    expect(await loadStateKey(folder, undefined)).to.deep.equal(stateKey);
    const credentials = at('credentials');
    await mkdir(credentials, { mode: 0o700 });
    expect(await loadStateKey(folder, credentials), 'none given').to.deep.equal(stateKey);
    const given = randomBytes(32);
    await writeFile(join(credentials, 'state_key'), given.toString('base64url'), { mode: 0o600 });
    expect(Buffer.from(await loadStateKey(folder, credentials)).equals(given)).to.equal(true);
  });

  it('never replaces a state key that is damaged: what it sealed would be lost without a word', async () => {
    for (const text of ['', 'short', randomBytes(31).toString('base64url'), randomBytes(33).toString('base64url')]) {
      await writeFile(at('state.key'), text, { mode: 0o600 });
      expect(await faultOf(loadStateKey(folder, undefined)), JSON.stringify(text)).to.be.oneOf(['malformed', 'empty']);
      expect(await readFile(at('state.key'), 'utf8')).to.equal(text);
    }
  });

  it('is set aside with its journal, as it is', async () => {
    await paired();
    const identity = await readFile(at('identity.json'), 'utf8');
    await writeFile(at('journal.db'), 'journal');
    await writeFile(at('journal.db-wal'), 'wal');
    await retireIdentity(folder, '2026');
    expect(isPaired(folder)).to.equal(false);
    expect(await readdir(folder)).to.have.members([
      'state.key',
      'identity.json.2026',
      'journal.db.2026',
      'journal.db-wal.2026',
    ]);
    expect(await readFile(at('identity.json.2026'), 'utf8')).to.equal(identity);
    expect(await readFile(at('journal.db-wal.2026'), 'utf8')).to.equal('wal');
    await retireIdentity(folder, '2027');
    expect(await readdir(folder)).to.have.length(4);
  });
});
