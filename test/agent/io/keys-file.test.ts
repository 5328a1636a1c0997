import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { expect } from 'chai';
import {
  checkSecretFile,
  maxSecretFileBytes,
  readJsonSecret,
  readSecretFile,
  SecretFileError,
  secretFileStamp,
  sharedStamps,
  writeSecretFile,
} from '../../../agent/io/keys-file.ts';

describe('secret files', () => {
  let folder: string;
  const place = (name: string): string => join(folder, name);
  const put = (name: string, content: string | Buffer, mode = 0o600): string => {
    writeFileSync(place(name), content);
    chmodSync(place(name), mode);
    return place(name);
  };
  const fault = async (path: string, options = {}): Promise<SecretFileError> => {
    const error = await readSecretFile(path, options).then(
      () => null,
      (reason: unknown) => reason,
    );
    if (!(error instanceof SecretFileError)) throw new Error('expected a SecretFileError', { cause: error });
    return error;
  };

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'secret files '));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it('reads a text and drops one line end', async () => {
    expect(await readSecretFile(put('a', 's3cret\n'))).to.equal('s3cret');
    expect(await readSecretFile(put('b', 's3cret\r\n'))).to.equal('s3cret');
    expect(await readSecretFile(put('c', ' s3 cret\n\n'))).to.equal(' s3 cret\n');
    expect(await readSecretFile(put('d', 's', 0o400))).to.equal('s');
    symlinkSync(place('a'), place('link'));
    expect(await readSecretFile(place('link'))).to.equal('s3cret');
  });

  it('refuses every mode that gives group or others a right, with the command that mends it', async () => {
    for (const mode of [0o640, 0o604, 0o660, 0o644, 0o620, 0o602, 0o610, 0o601, 0o777]) {
      const path = put('exposed', 's3cret', mode);
      const error = await fault(path);
      expect(error.fault, mode.toString(8)).to.equal('exposed');
      expect(error.message).to.include('chmod 600').and.to.include(mode.toString(8)).and.not.to.include('s3cret');
      expect((await checkSecretFile(path))?.fault).to.equal('exposed');
      // The command as it stands must work, also for this path with a space.
      execFileSync('sh', ['-c', error.remedy.replace(/^run: /, '')]);
      expect(await readSecretFile(path)).to.equal('s3cret');
      expect(await checkSecretFile(path)).to.equal(null);
    }
  });

  it('takes what systemd gives through an ACL, and nothing else in that shape', async function () {
    const path = put('credential', 's3cret', 0o440);
    const isRoot = process.getuid?.() === 0;
    const asGiven = await readSecretFile(path, { credentialsDirectory: folder }).catch((error: unknown) => error);
    if (isRoot) expect(asGiven).to.equal('s3cret');
    else expect(asGiven).to.be.instanceOf(SecretFileError);
    expect((await fault(path, { credentialsDirectory: undefined })).fault).to.equal('exposed');
    expect((await fault(path, { credentialsDirectory: place('cred') })).fault).to.equal('exposed');
    expect((await fault(put('credential', 's', 0o444), { credentialsDirectory: folder })).fault).to.equal('exposed');
    expect((await fault(put('credential', 's', 0o460), { credentialsDirectory: folder })).fault).to.equal('exposed');
  });

  it('says what else is wrong, without the content', async () => {
    expect((await fault(place('absent'))).fault).to.equal('missing');
    expect((await fault(join(put('file', 's'), 'below'))).fault).to.equal('missing');
    expect((await fault(put('empty', '\n'))).fault).to.equal('empty');
    expect((await fault(put('bytes', Buffer.from([0xc3, 0x28])))).fault).to.equal('malformed');
    expect((await fault(put('large', 'x'.repeat(maxSecretFileBytes + 1)))).fault).to.equal('too_large');
    expect((await readSecretFile(put('full', 'x'.repeat(maxSecretFileBytes)))).length).to.equal(maxSecretFileBytes);
    mkdirSync(place('folder'), { mode: 0o700 });
    expect((await fault(place('folder'))).fault).to.equal('not_a_file');
    execFileSync('mkfifo', ['-m', '600', place('pipe')]);
    expect((await fault(place('pipe'))).fault).to.equal('not_a_file');
  });

  it('is looked at once for all who ask within ten milliseconds, each file by itself', () => {
    const looked: string[] = [];
    let now = 0;
    const stamp = sharedStamps(
      (path) => {
        looked.push(path);
        return `${path} at ${now}`;
      },
      () => now,
    );
    expect([stamp('a'), stamp('b'), stamp('a')]).to.deep.equal(['a at 0', 'b at 0', 'a at 0']);
    now = 9;
    expect(stamp('a')).to.equal('a at 0');
    now = 10;
    expect(stamp('a')).to.equal('a at 10');
    expect(looked).to.deep.equal(['a', 'b', 'a']);
  });

  it('has a stamp that changes with whatever happens to the file, and none while its times are too new to tell', async () => {
    const path = put('stamped', 'one');
    expect(secretFileStamp(path), 'just written').to.equal(null);
    expect(secretFileStamp(place('absent'))).to.equal(null);
    const stamps: (string | null)[] = [];
    const changes = [
      () => undefined,
      () => writeFileSync(path, 'two'),
      () => chmodSync(path, 0o640),
      // Back to the old time of change: the kernel's own (ctime) tells.
      () => utimesSync(path, 0, 0),
      () => renameSync(put('other', 'two'), path),
    ];
    for (const change of changes) {
      change();
      expect(secretFileStamp(path), 'too new').to.equal(null);
      // The kernel's clock for files has a grain of milliseconds.
      await delay(20);
      stamps.push(secretFileStamp(path, Date.now() + 2000));
      expect(secretFileStamp(path, Date.now() + 3_600_000)).to.equal(stamps.at(-1));
    }
    expect(stamps).to.not.include(null);
    expect(new Set(stamps).size).to.equal(changes.length);
  });

  it('reads JSON and quotes nothing of what is none', async () => {
    expect(await readJsonSecret(put('good', '{"key":[1]}\n'))).to.deep.equal({ key: [1] });
    const error = await readJsonSecret(put('bad', 's3cret')).catch((reason: unknown) => reason);
    expect(error).to.be.instanceOf(SecretFileError).and.have.property('fault', 'malformed');
    expect(String(error)).not.to.include('s3cret');
  });

  it('writes with mode 0600 whatever the umask and the old mode, and leaves nothing else behind', async () => {
    const old = process.umask(0);
    try {
      await writeSecretFile(place('new'), 'first');
    } finally {
      process.umask(old);
    }
    chmodSync(place('new'), 0o644);
    await writeSecretFile(place('new'), 'second');
    expect(statSync(place('new')).mode & 0o777).to.equal(0o600);
    expect(await readSecretFile(place('new'))).to.equal('second');
    expect(readdirSync(folder)).to.deep.equal(['new']);
  });

  it('leaves no temporary file when the name cannot be taken', async () => {
    mkdirSync(join(folder, 'taken', 'full'), { recursive: true });
    const error = await writeSecretFile(place('taken'), 's').catch((reason: unknown) => reason);
    expect(error).to.be.instanceOf(Error);
    expect(readdirSync(folder)).to.deep.equal(['taken']);
  });

  it('has the old or the new content after a kill at any moment', async () => {
    const module = pathToFileURL(join(import.meta.dirname, '../../../agent/io/keys-file.ts')).href;
    const script = `
      const { writeSecretFile } = await import(${JSON.stringify(module)});
      for (let turn = 0; ; turn += 1) {
        await writeSecretFile(process.argv[1], JSON.stringify({ turn, fill: 'x'.repeat(50000) }));
        if (turn === 0) console.log('written once');
      }`;
    for (let round = 0; round < 5; round += 1) {
      const child = spawn(process.execPath, ['--input-type=module', '-e', script, place('key')], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      try {
        await once(child.stdout, 'data');
        await delay(20 + round * 7);
      } finally {
        child.kill('SIGKILL');
        await once(child, 'close');
      }
      const { fill } = JSON.parse(readFileSync(place('key'), 'utf8')) as { fill: string };
      expect(fill.length).to.equal(50_000);
      expect(statSync(place('key')).mode & 0o777).to.equal(0o600);
    }
  });
});
