// The data directory's keys: made once, kept, and never replaced in silence.
import { chmod, readFile, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { randomBytes } from 'node:crypto';
import { expect } from 'chai';
import { isRefusal } from '../../protocol/error-codes.ts';
import { defaults, startControlPlane } from '../../control-plane/compose.ts';
import { openKeys } from '../../control-plane/keys.ts';
import { Sealer } from '../../control-plane/store/seal.ts';
import { openSqliteStore } from '../../control-plane/store/sqlite.ts';
import { Fixture } from '../support/control-plane-fixture.ts';
import { scratch } from '../support/programs.ts';

describe('control plane: keys', () => {
  let fixture: Fixture;
  beforeEach(async () => {
    fixture = await Fixture.start();
  });
  afterEach(async () => {
    await fixture.close();
  });

  const start = async (): Promise<string> => {
    const started = await startControlPlane({
      ...defaults,
      dataDir: fixture.dataDir,
      host: '127.0.0.1',
      port: 0,
      tls: null,
      publicUrl: null,
      now: Date.now,
      emit: () => {},
    });
    if (isRefusal(started)) return started.code;
    await started.close();
    return 'started';
  };

  it('keeps its identity over a restart', async () => {
    const before = await fixture.invite('a');
    const files = await readdir(join(fixture.dataDir, 'keys'));
    await fixture.restart();
    expect((await fixture.invite('b')).fingerprint).to.equal(before.fingerprint);
    expect(await readdir(join(fixture.dataDir, 'keys'))).to.deep.equal(files);
    expect((await readFile(join(fixture.dataDir, 'admin-token'), 'utf8')).trim()).to.equal(fixture.admin);
  });

  it('draws a root key whose fingerprint is no option on a command line', async () => {
    await using folder = await scratch();
    const store = await openSqliteStore(':memory:', new Sealer(randomBytes(32)));
    // One in 64 begins with a hyphen when nobody looks.
    for (let draw = 0; draw < 400; draw += 1) {
      const keys = await openKeys(folder.path, store.db);
      if (isRefusal(keys)) throw new Error(keys.detail);
      expect(keys.fingerprint).to.match(/^[^-]/);
      await rm(join(folder.path, 'keys'), { recursive: true });
      await store.db.deleteFrom('key_set_steps').execute();
    }
    await store.close();
  });

  it('refuses a data directory that is held', async () => {
    expect(await start()).to.equal('state_locked');
  });

  it('does not make a new root key beside a store that knows one', async () => {
    await fixture.stop();
    const root = join(fixture.dataDir, 'keys/root.json');
    await rename(root, `${root}.away`);
    expect(await start()).to.equal('state_damaged');
    await rename(`${root}.away`, root);
    expect(await start()).to.equal('started');
  });

  it('refuses keys that are damaged, or that others can read', async () => {
    await fixture.stop();
    for (const name of ['keys/root.json', 'store.key']) {
      const path = join(fixture.dataDir, name);
      const kept = await readFile(path, 'utf8');
      await writeFile(path, '{"kty":"OKP"}');
      expect(await start(), name).to.equal('state_damaged');
      await writeFile(path, kept);
      await chmod(path, 0o644);
      expect(await start(), name).to.equal('secret_file_exposed');
      await chmod(path, 0o600);
    }
    expect(await start()).to.equal('started');
  });

  it('refuses a store that is damaged', async () => {
    await fixture.stop();
    for (const name of await readdir(fixture.dataDir))
      if (name.startsWith('store.sqlite-')) await rm(join(fixture.dataDir, name));
    await writeFile(join(fixture.dataDir, 'store.sqlite'), 'x'.repeat(8_192));
    expect(await start()).to.equal('state_damaged');
  });
});
