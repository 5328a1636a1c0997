// The crash points are where they say: what a program had committed when it died is what the point allows.
import { expect } from 'chai';
import { spawnSync } from 'node:child_process';
import { rmSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

const preload = new URL('crash.ts', import.meta.url).href;

/** Three transactions and one write that commits by itself. */
const program = `
  import { DatabaseSync } from 'node:sqlite';
  const database = new DatabaseSync(process.argv[1]);
  database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL');
  const [begin, insert, commit] = ['BEGIN', 'INSERT INTO t VALUES (?)', 'COMMIT'].map((sql) => database.prepare(sql));
  for (let n = 1; n <= 3; n += 1) {
    begin.run();
    insert.run(n);
    if (n === 2) database.exec('COMMIT');
    else commit.run();
  }
  insert.run(4);
  console.log('done');
`;

describe('crash points', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'iam-agent-crash-'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  /** The rows that are there after a run with this point. */
  function left(point: string): { rows: number; signal: string | null; stdout: string } {
    const path = join(folder, `${point.replaceAll(':', '-')}.db`);
    new DatabaseSync(path).exec('CREATE TABLE t (n INTEGER)');
    const args = ['--input-type=module', '--import', preload, '--eval', program, path];
    const env = { ...process.env, FAULTS_CRASH: point };
    const { signal, stdout } = spawnSync(process.execPath, args, { env, encoding: 'utf8' });
    const counted = new DatabaseSync(path).prepare('SELECT count(*) AS rows FROM t').get() as { rows: number };
    return { rows: counted.rows, signal, stdout };
  }

  for (const nth of [1, 2, 3, 4]) {
    it(`before and after commit ${nth}`, () => {
      expect(left(`commit:before:${nth}`)).to.deep.equal({ rows: nth - 1, signal: 'SIGKILL', stdout: '' });
      expect(left(`commit:after:${nth}`)).to.deep.include({ rows: nth, signal: 'SIGKILL' });
    });
  }

  it('that are not reached let a program end by itself', () => {
    expect(left('commit:before:5')).to.deep.equal({ rows: 4, signal: null, stdout: 'done\n' });
  });
});
