// What the journal on disk adds to the port's contract: one holder, nothing readable, one sync a turn, and a key that is proved first.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync, StatementSync } from 'node:sqlite';
import { expect } from 'chai';
import { spy, stub } from 'sinon';
import type { Change } from '../../../agent/job/journal.ts';
import { isRefusal, type Refusal } from '../../../protocol/error-codes.ts';
import { rejection } from '../../contract/journal-commit.ts';
import { JournalDirectory, journalKey } from '../../contract/journal-directory.ts';
import {
  claimsOf,
  jobIdOf,
  jobOf,
  startedJob,
  stateChange,
  withAck,
  withEntries,
} from '../../contract/journal-samples.ts';

const counter = (value: number): Change => ({ kind: 'session_counter', value });

describe('journal on node:sqlite', () => {
  let directory: JournalDirectory;
  beforeEach(() => {
    directory = new JournalDirectory();
  });
  afterEach(() => directory.dispose());

  async function refusal(path?: string, key?: Uint8Array<ArrayBuffer>): Promise<Refusal> {
    const opened = await directory.tryOpen(path, key);
    if (!isRefusal(opened)) throw new Error('expected a refusal');
    return opened;
  }

  it('says what recovery found', async () => {
    const { journal, recovery } = await directory.open();
    expect(recovery).to.deep.include({ jobs: 0, rows: 0, entries: 0, damaged: [] });
    const { job, changes } = startedJob(1, ['{}', '{}', '{}']);
    const made = withEntries(job, ['a', 'b'], [0]);
    const [first] = made.entries;
    if (first === undefined) throw new Error('no entries');
    const closed = jobOf(2, []);
    await journal.commit([...changes, ...made.changes, ...withAck(made.job, first, 1).changes]);
    await journal.commit([{ kind: 'job', job: { ...closed, state: { ...closed.state, phase: 'closed' } } }]);
    await journal.close();
    const after = (await directory.open()).recovery;
    expect(after).to.deep.include({ jobs: 1, rows: 2, entries: 1, damaged: [] });
    expect(after.at.counter).to.equal(2);
    expect(after.at.chain)
      .to.match(/^[0-9a-f]{64}$/)
      .and.not.equal(recovery.at.chain);
  });

  it('closes although its hint of the holder cannot be removed, as on a disk that turned read-only', async () => {
    const { journal } = await directory.open();
    const hint = join(directory.path, 'journal.pid');
    rmSync(hint);
    mkdirSync(hint);
    await journal.close();
    rmSync(hint, { recursive: true });
    expect(isRefusal(await directory.tryOpen())).to.equal(false);
  });

  it('shares one transaction among the commits of a turn, and takes a new one for the next turn', async () => {
    const { journal } = await directory.open();
    await Promise.all([1, 2, 3, 4, 5].map((value) => journal.commit([counter(value)])));
    await journal.commit([counter(6)]);
    await journal.close();
    const { recovery } = await directory.open();
    expect(recovery.at.counter).to.equal(2);
  });

  it('keeps file and directory to their owner, also when they were open to others', async () => {
    mkdirSync(directory.path, { mode: 0o755 });
    await (await directory.open()).journal.close();
    chmodSync(join(directory.path, 'journal.db'), 0o644);
    const { journal } = await directory.open();
    await journal.commit([counter(1)]);
    const modes = readdirSync(directory.path).map((name) => [name, statSync(join(directory.path, name)).mode & 0o777]);
    expect(statSync(directory.path).mode & 0o777).to.equal(0o700);
    expect(Object.fromEntries(modes)).to.deep.equal({
      'journal.db': 0o600,
      'journal.db-wal': 0o600,
      'journal.pid': 0o600,
    });
  });

  it('leaves one file behind a close', async () => {
    const { journal } = await directory.open();
    await journal.commit([counter(1)]);
    await journal.close();
    expect(readdirSync(directory.path)).to.deep.equal(['journal.db']);
  });

  it('has nothing of a customer in clear, in the file or in the log before it', async () => {
    const { journal } = await directory.open();
    const secret = 'Secret-Of-The-Customer';
    const claims = claimsOf(jobIdOf(1), [2], { user: secret });
    const job = { ...jobOf(1, [2]), claims: { ...claims, sub: secret }, statement: secret };
    const state = { ...job.state, nextChunk: 1 };
    const made = withEntries({ ...job, state }, [`{"user":"${secret}"}`], [0]);
    const intent = { call: { UserName: secret }, record: secret };
    await journal.commit([
      { kind: 'job', job },
      { kind: 'rows', job: job.id, firstRow: 0, lines: [secret, secret] },
      { kind: 'row_progress', job: job.id, row: 1, progress: { items: 0, marker: secret, intent } },
      ...made.changes,
      { kind: 'key_set', keySet: { secret } },
    ]);
    const crashed = directory.copy();
    await journal.close();
    const hex = made.entries[0]?.head ?? '';
    for (const path of [crashed, directory.path]) {
      for (const name of readdirSync(path)) {
        const bytes = readFileSync(join(path, name));
        for (const text of [secret, 'get_user', 'alice', 'kkkkkkkk', hex, job.state.tokenDigest ?? ''])
          expect(bytes.includes(text), `${text} in ${name}`).to.equal(false);
        expect(bytes.includes(Buffer.from(hex, 'hex')), `the head in ${name}`).to.equal(false);
      }
    }
    // The search above would find a text that is in clear.
    expect(readFileSync(join(directory.path, 'journal.db')).includes(job.id)).to.equal(true);
  });

  it('writes the claims of a job once, not with every change of its state', async () => {
    const { journal } = await directory.open();
    const job = { ...jobOf(1, [3]), claims: claimsOf(jobIdOf(1), [3], { big: 'x'.repeat(200_000) }) };
    await journal.commit([{ kind: 'job', job }]);
    const size = (): number => statSync(join(directory.path, 'journal.db-wal')).size;
    const before = size();
    for (let times = 0; times < 20; times += 1) await journal.commit([stateChange(job)]);
    expect(size() - before).to.be.lessThan(20 * 20_000);
  });

  it('is held once, in a process too, and says by whom', async () => {
    await directory.open();
    const { code, detail } = await refusal();
    expect(code).to.equal('state_locked');
    expect(detail).to.include(`process ${process.pid}`);
  });

  it('is held against other processes, and free the moment its holder is killed', async () => {
    const script = join(import.meta.dirname, 'journal-writer.ts');
    const child = spawn(process.execPath, [script, directory.path, '1'], { stdio: ['ignore', 'pipe', 'inherit'] });
    try {
      await once(child.stdout, 'data');
      const { code, detail } = await refusal();
      expect(code).to.equal('state_locked');
      expect(detail).to.include(`process ${child.pid}`);
    } finally {
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
    expect((await directory.open()).recovery.damaged).to.deep.equal([]);
  });

  it('refuses another key and says what to do; the right one still opens', async () => {
    const { journal } = await directory.open();
    await journal.commit([counter(3)]);
    await journal.close();
    const { code, detail } = await refusal(directory.path, new Uint8Array(32).fill(8));
    expect(code).to.equal('state_damaged');
    expect(detail).to.include('key');
    expect((await (await directory.open()).journal.facts()).sessionCounter).to.equal(3);
  });

  it('takes a key of 32 bytes only', async () => {
    const error = await rejection(directory.tryOpen(directory.path, journalKey.subarray(1)));
    expect(error).to.be.instanceOf(RangeError);
  });

  it('refuses the journal of a newer program and leaves it as it is', async () => {
    await (await directory.open()).journal.close();
    directory.tamper(directory.path, (database) => database.exec('PRAGMA user_version = 99'));
    const { code, detail } = await refusal();
    expect(code).to.equal('state_damaged');
    expect(detail).to.include('version 99');
    directory.tamper(directory.path, (database) => {
      expect(database.prepare('PRAGMA user_version').get()).to.deep.include({ user_version: 99 });
    });
  });

  it('refuses what is no journal', async () => {
    mkdirSync(directory.path);
    writeFileSync(join(directory.path, 'journal.db'), 'this is a text of some length, not a database\n'.repeat(200));
    expect((await refusal()).code).to.equal('state_damaged');
    const file = join(directory.path, 'file');
    writeFileSync(file, '');
    expect((await refusal(join(file, 'state'))).code).to.equal('state_damaged');
  });

  it('makes its tables in a file that a crash left empty', async () => {
    mkdirSync(directory.path);
    writeFileSync(join(directory.path, 'journal.db'), '');
    expect((await directory.open()).recovery.jobs).to.equal(0);
  });

  for (const statement of ['INSERT INTO rows', 'UPDATE meta', 'COMMIT']) {
    it(`stops for good when the disk fails at ${statement}, with what was durable before`, async () => {
      const { journal } = await directory.open();
      const { job, changes } = startedJob(1, ['{}']);
      await journal.commit([counter(1)]);
      const run = stub(StatementSync.prototype, 'run').callsFake(function (this: StatementSync, ...values) {
        if (this.sourceSQL.startsWith(statement)) throw new Error('disk I/O error');
        return run.wrappedMethod.apply(this, values);
      });
      const failed = await rejection(journal.commit(changes));
      run.restore();
      expect(failed).to.include({ name: 'JournalError', kind: 'failed' });
      expect(await rejection(journal.commit([counter(2)]))).to.equal(failed);
      expect(await journal.job(job.id)).to.equal(null);
      await journal.close();
      const again = await directory.open();
      expect(again.recovery).to.deep.include({ jobs: 0, rows: 0, damaged: [] });
      expect(await again.journal.facts()).to.deep.include({ sessionCounter: 1 });
      await again.journal.commit(changes);
    });
  }

  it('asks SQLite for a full sync with each commit', async () => {
    const exec = spy(DatabaseSync.prototype, 'exec');
    await directory.open();
    const said = exec.args.flat().join('\n');
    for (const setting of ['synchronous = FULL', 'journal_mode = WAL', 'locking_mode = EXCLUSIVE'])
      expect(said).to.include(setting);
  });
});
