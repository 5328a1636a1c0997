// Parts with no server around them: ids, lines, secret files, the lock, the bell.
import { chmod, mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'chai';
import { AfterRush } from '../../control-plane/after-rush.ts';
import { array, assert, asyncProperty, integer, string } from 'fast-check';
import { isRefusal } from '../../protocol/error-codes.ts';
import { lockDataDir } from '../../control-plane/data-dir-lock.ts';
import { JobWatch } from '../../control-plane/job-watch.ts';
import { readSecretFile, writeSecretFile } from '../../control-plane/secret-file.ts';
import { readLines } from '../../control-plane/text-lines.ts';
import { jobIds } from '../../control-plane/uuid-v7.ts';

describe('control plane: job ids', () => {
  it('grow in the order they were made, whatever the clock does', () => {
    const times = [1_000, 1_000, 5_000, 4_000, 0, 6_000];
    let now = 0;
    const next = jobIds(() => now);
    const made: string[] = [];
    for (const time of times) {
      now = time;
      for (let index = 0; index < 5_000; index += 1) made.push(next());
    }
    expect(made.toSorted()).to.deep.equal(made);
    expect(new Set(made).size).to.equal(made.length);
  });
});

describe('control plane: text lines', () => {
  async function* pieces(bytes: Uint8Array, sizes: readonly number[]) {
    let at = 0;
    for (const size of [...sizes, bytes.length]) {
      yield bytes.subarray(at, at + size);
      at += size;
    }
  }

  it('gives the same lines whatever the pieces are', async () => {
    const lines = array(string({ unit: 'binary' }).map((text) => text.replaceAll('\n', '').toWellFormed()));
    const property = asyncProperty(lines, array(integer({ min: 0, max: 20 })), async (texts, sizes) => {
      const reader = readLines(pieces(Buffer.from(texts.join('\n')), sizes));
      const seen: string[] = [];
      for (let line = await reader.next(10_000); line !== null; line = await reader.next(10_000)) {
        if (isRefusal(line)) throw new Error(line.detail);
        expect(line.bytes).to.equal(Buffer.byteLength(line.text));
        expect(texts[line.number - 1]).to.equal(line.text);
        seen.push(line.text);
      }
      expect(seen).to.deep.equal(texts.filter((text) => text !== ''));
    });
    await assert(property, { numRuns: 300 });
  });

  it('refuses a line that is too long before it has come to its end', async () => {
    let taken = 0;
    const endless = (async function* () {
      for (;;) {
        taken += 1;
        yield Buffer.alloc(100, 'x');
      }
    })();
    expect(await readLines(endless).next(1_000)).to.include({ kind: 'refused', code: 'row_too_large' });
    expect(taken).to.be.below(15);
  });
});

describe('control plane: files', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'files-'));
  });
  afterEach(async () => {
    await rm(folder, { recursive: true });
  });

  it('writes secrets with mode 0600 and reads back what it wrote', async () => {
    const path = join(folder, 'secret');
    expect(await readSecretFile(path)).to.equal(null);
    await writeSecretFile(path, 'one');
    await writeSecretFile(path, 'two');
    expect((await stat(path)).mode & 0o777).to.equal(0o600);
    expect(await readSecretFile(path)).to.equal('two');
    expect(await readFile(path, 'utf8')).to.equal('two\n');
  });

  it('refuses a secret that others can read, and what is no file', async () => {
    const path = join(folder, 'secret');
    await writeFile(path, 'x');
    await chmod(path, 0o640);
    expect(await readSecretFile(path)).to.include({ code: 'secret_file_exposed' });
    await mkdir(join(folder, 'folder'));
    expect(await readSecretFile(join(folder, 'folder'))).to.include({ code: 'state_damaged' });
  });

  it('lets one holder have a directory', async () => {
    const first = lockDataDir(folder);
    expect(lockDataDir(folder)).to.include({ kind: 'refused', code: 'state_locked' });
    if (!isRefusal(first)) first.release();
    const second = lockDataDir(folder);
    expect(second.kind).to.equal('data_dir_lock');
    if (!isRefusal(second)) second.release();
    await writeFile(join(folder, 'plain'), '');
    expect(lockDataDir(join(folder, 'plain'))).to.include({ code: 'state_damaged' });
  });
});

describe('control plane: after a rush of dials', () => {
  it('gives memory back once, when enough have dialled and none does any more', async () => {
    let given = 0;
    const rush = new AfterRush(() => (given += 1), { dials: 3, quietMs: 30 });
    for (let dial = 0; dial < 2; dial += 1) rush.dialled();
    await delay(60);
    expect(given, 'two are no rush').to.equal(0);
    for (let dial = 0; dial < 5; dial += 1) {
      rush.dialled();
      await delay(5);
    }
    expect(given, 'it goes on').to.equal(0);
    await delay(80);
    expect(given).to.equal(1);
    for (let dial = 0; dial < 4; dial += 1) rush.dialled();
    rush.stop();
    await delay(60);
    expect(given, 'stopped').to.equal(1);
  });
});

describe('control plane: job watch', () => {
  const job = jobIds(() => 1)();
  const never = new AbortController().signal;

  it('wakes who waits, and remembers what came before the wait', async () => {
    const watch = new JobWatch();
    const listener = watch.listen(job);
    watch.notify(job);
    expect(await listener.changed(10, never)).to.equal(true);
    expect(await listener.changed(10, never)).to.equal(false);
    const waiting = listener.changed(5_000, never);
    watch.notify(job);
    expect(await waiting).to.equal(true);
    const abort = new AbortController();
    const aborted = listener.changed(5_000, abort.signal);
    abort.abort();
    expect(await aborted).to.equal(false);
    listener.close();
    watch.notify(job);
    expect(await listener.changed(10, never)).to.equal(false);
  });

  it('holds what an agent told for as long as it goes on telling', () => {
    const clock = { ms: 0 };
    const watch = new JobWatch(() => clock.ms);
    const job = jobIds(() => 1)();
    const told = { done: 1, failed: 0, waiting: 9, reason: 'rate_limit' };
    expect(watch.progress(job)).to.equal(null);
    watch.tell(job, told);
    clock.ms = 15_000;
    expect(watch.progress(job)).to.deep.equal(told);
    clock.ms = 15_001;
    expect(watch.progress(job)).to.equal(null);
    watch.tell(job, told);
    watch.forget(job);
    expect(watch.progress(job)).to.equal(null);
  });
});
