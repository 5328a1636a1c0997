import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { expect } from 'chai';
import * as fc from 'fast-check';
import { limits } from '../../protocol/limits.ts';
import { type Failure, isFailure } from '../../terminal/fail.ts';
import { readRows } from '../../terminal/read-rows.ts';

function parsed(row: string | Failure): unknown {
  if (isFailure(row)) throw new Error(row.detail);
  return JSON.parse(row);
}

const noInput = Readable.from([]);

async function collect(rows: AsyncIterable<string | Failure>): Promise<(string | Failure)[]> {
  const all: (string | Failure)[] = [];
  for await (const row of rows) all.push(row);
  return all;
}

/** Bytes in pieces of the given size, through standard input. */
function fromStdin(text: string | Buffer, pieceBytes = 7): Promise<(string | Failure)[]> {
  const bytes = Buffer.from(text);
  const pieces = [];
  for (let at = 0; at < bytes.length; at += pieceBytes) pieces.push(bytes.subarray(at, at + pieceBytes));
  return collect(readRows('-', { stdin: Readable.from(pieces, { objectMode: true }) }));
}

function failureIn(rows: readonly (string | Failure)[]): Failure {
  const last = rows.at(-1);
  if (!isFailure(last)) throw new Error(`expected a failure at the end, found ${JSON.stringify(rows)}`);
  expect(rows.filter(isFailure)).to.have.length(1);
  return last;
}

describe('readRows', () => {
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'read-rows-'));
  });
  after(() => rm(folder, { recursive: true }));

  async function file(name: string, text: string | Buffer): Promise<string> {
    const path = join(folder, name);
    await writeFile(path, text);
    return path;
  }

  describe('CSV', () => {
    it('reads quotes, line breaks in quotes, CRLF, a byte order mark and a last line without an end', async () => {
      const rows = await fromStdin('\uFEFFuser,note\r\nalice,"a, ""b""\r\nc"\r\n\r\nbob,');
      expect(rows).to.deep.equal(['{"user":"alice","note":"a, \\"b\\"\\r\\nc"}', '{"user":"bob","note":""}']);
    });

    it('keeps every value as text and every column in its place', async () => {
      const rows = await fromStdin('2,1,__proto__\n007,1e400,12345678901234567890\n');
      expect(rows).to.deep.equal(['{"2":"007","1":"1e400","__proto__":"12345678901234567890"}']);
    });

    it('gives back any table that was written by the book, whatever the pieces', async () => {
      const cell = fc.oneof(fc.string({ unit: 'grapheme' }), fc.stringMatching(/^[",\r\n;\t a]*$/));
      const table = fc.integer({ min: 1, max: 4 }).chain((width) =>
        fc.record({
          header: fc.uniqueArray(cell, { minLength: width, maxLength: width }),
          rows: fc.array(fc.array(cell, { minLength: width, maxLength: width }), { maxLength: 5 }),
          crlf: fc.boolean(),
          pieceBytes: fc.integer({ min: 1, max: 40 }),
        }),
      );
      await fc.assert(
        fc.asyncProperty(table, async ({ header, rows, crlf, pieceBytes }) => {
          const line = (cells: readonly string[]): string =>
            cells.map((text) => `"${text.replaceAll('"', '""')}"`).join(',');
          const path = [header, ...rows].map(line).join(crlf ? '\r\n' : '\n');
          const read = await fromStdin(path, pieceBytes);
          const expected = rows.map((cells) => Object.fromEntries(header.map((name, at) => [name, cells[at] ?? ''])));
          expect(read.map(parsed)).to.deep.equal(expected);
        }),
        { numRuns: 200 },
      );
    });

    it('never throws and never loses count on any text', async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.stringMatching(/^a,b\n[",\r\na ]{0,30}$/),
          fc.integer({ min: 1, max: 9 }),
          async (text, piece) => {
            const [one, other] = [await fromStdin(text, piece), await fromStdin(text, 1_000)];
            expect(one).to.deep.equal(other);
            for (const row of one)
              if (!isFailure(row)) expect(Object.keys(JSON.parse(row) as object)).to.deep.equal(['a', 'b']);
          },
        ),
        { numRuns: 300 },
      );
    });

    const bad: readonly (readonly [string, string, RegExp])[] = [
      ['a header with a name twice', 'a,b,a\n1,2,3', /line 1: expected each column name once, found "a" twice/],
      ['a row with too few cells', 'a,b\n1,2\n\n3', /line 4: expected 2 cells, found 1 cell$/],
      ['a row with too many cells', 'a,b\n"x\ny",2\n1,2,3', /line 4: expected 2 cells, found 3 cells/],
      ['a quote in the middle of a cell', 'a\nx"y"', /line 2: expected a cell in quotes from its first character/],
      ['text after a closing quote', 'a\n"x"y', /line 2: expected a comma or the end of the line/],
      ['a quote that is never closed', 'a\n1\n"x\ny', /line 4: expected a closing quote, found the end of the file/],
      ['a lone carriage return', 'a\n1\r2\n', /line 2: expected a line feed after the carriage return/],
      ['no header', '', /line 1: expected a header line/],
    ];
    for (const [what, text, detail] of bad)
      it(`refuses ${what}, with file, line, expected and found`, async () => {
        const failed = failureIn(await fromStdin(text));
        expect(failed.detail)
          .to.match(detail)
          .and.match(/^standard input, /);
        expect(failed).to.include({ code: 'row_malformed', exit: 'bad_data' });
      });

    it('ends an open quote at the size limit, not at the end of the file', async () => {
      const endless = Readable.from(
        (function* () {
          yield Buffer.from('a\n1\n"open');
          for (;;) yield Buffer.alloc(64 * 1024, 'x');
        })(),
        { objectMode: true },
      );
      const failed = failureIn(await collect(readRows('-', { stdin: endless })));
      expect(failed.code).to.equal('row_too_large');
      expect(failed.help).to.contain('line 3');
    });
  });

  describe('JSON Lines', () => {
    it('keeps the bytes of each line, and so every number', async () => {
      const lines = ['{"n":1e400,"big":12345678901234567890, "f":1.0}', '{"2":1,"1":"\\ud800\\u0000"}'];
      expect(await fromStdin(`${lines.join('\r\n\n')}\n`)).to.deep.equal(lines);
    });

    const bad: readonly (readonly [string, string, string, RegExp])[] = [
      ['no JSON', '{"a":1}\n{"a":}\n', 'row_malformed', /line 2: expected a JSON object on one line/],
      ['an array', '{"a":1}\n[1]', 'row_malformed', /line 2: .* found an array/],
      ['a name twice', '{"a":1,"a":2}', 'row_malformed', /line 1: expected each member name once/],
      ['too deep', `{"a":${'['.repeat(70)}${']'.repeat(70)}}`, 'row_malformed', /at most 64 levels/],
      ['too large', `{"a":"${'x'.repeat(limits.rowBytes)}"}`, 'row_too_large', /at most 262144 bytes/],
      ['too large in bytes only', `{"a":"${'€'.repeat(limits.rowBytes / 3)}"}\n`, 'row_too_large', /found 262\d+/],
    ];
    for (const [what, text, code, detail] of bad)
      it(`refuses a line that is ${what}`, async () => {
        const failed = failureIn(await fromStdin(text, 60_000));
        expect(failed.code).to.equal(code);
        expect(failed.detail).to.match(detail);
      });
  });

  describe('JSON array', () => {
    it('gives each element on one line, numbers and texts untouched', async () => {
      const text = '[\n  {"n": 1e400,\n   "s": "a\\n  ]}\\\\", "deep": [{"x": [ ]}]},\r\n  {}\n]\n';
      for (const piece of [1, 2, 3, 1_000]) {
        const rows = await fromStdin(text, piece);
        expect(rows.map(parsed)).to.deep.equal(JSON.parse(text));
        expect(JSON.stringify(rows)).to.contain('1e400');
        for (const row of rows) expect(row).to.not.contain('\n');
      }
    });

    it('gives back any array of objects, pretty or not, whatever the pieces', async () => {
      const rows = fc.array(fc.dictionary(fc.string(), fc.jsonValue()), { maxLength: 5 });
      await fc.assert(
        fc.asyncProperty(rows, fc.constantFrom(0, 2), fc.integer({ min: 1, max: 30 }), async (value, indent, piece) => {
          const text = JSON.stringify(value, null, indent);
          const read = await fromStdin(text, piece);
          expect(read.map(parsed)).to.deep.equal(JSON.parse(text));
        }),
        { numRuns: 200 },
      );
    });

    const bad: readonly (readonly [string, RegExp])[] = [
      ['[{"a":1}', /expected the array's closing ']', found the end/],
      ['[{"a":1},]', /line 1: expected a row: a JSON object, found ']'/],
      ['[{"a":1}\n{"a":2}]', /line 2: expected ',' or ']' after a row, found '{'/],
      ['[1]', /expected a row: a JSON object, found '1'/],
      ['[{}] x', /expected nothing after the array, found 'x'/],
      ['[\n{"a": 1 2}]', /line 2: expected a JSON object/],
    ];
    for (const [text, detail] of bad)
      it(`refuses ${JSON.stringify(text)}`, async () => {
        expect(failureIn(await fromStdin(text)).detail).to.match(detail);
      });

    it('takes an empty array as no rows', async () => {
      expect(await fromStdin(' [ ] ')).to.deep.equal([]);
    });

    it('refuses an element over the limit without keeping it', async () => {
      const huge = `[{"a":"${'x'.repeat(limits.rowBytes + 10)}"}]`;
      expect(failureIn(await fromStdin(huge, 50_000)).code).to.equal('row_too_large');
    });
  });

  describe('sources', () => {
    it('tells the format by the ending, and by the first character otherwise', async () => {
      const read = async (name: string, text: string): Promise<unknown> =>
        collect(readRows(await file(name, text), { stdin: noInput }));
      expect(await read('a.csv', '[x]\n1')).to.deep.equal(['{"[x]":"1"}']);
      expect(await read('a.ndjson', '\n{"a":1}')).to.deep.equal(['{"a":1}']);
      expect(await read('a.JSON', ' [{"a":1}]')).to.deep.equal(['{"a":1}']);
      expect(await read('a.json', '{"a":1}\n{"a":2}')).to.deep.equal(['{"a":1}', '{"a":2}']);
      expect(await read('rows', '  [{"a":1}]')).to.deep.equal(['{"a":1}']);
      expect(await read('rows.txt', 'a\n1')).to.deep.equal(['{"a":"1"}']);
    });

    it('says when a file cannot be read', async () => {
      for (const path of [join(folder, 'none.csv'), folder]) {
        const failed = failureIn(await collect(readRows(path, { stdin: noInput })));
        expect(failed).to.include({ code: 'file_unreadable', exit: 'io' });
        expect(failed.detail).to.contain(path);
      }
    });

    it('refuses what is no UTF-8, with its line', async () => {
      const latin = Buffer.concat([Buffer.from('name\nalice\nJos'), Buffer.from([0xe9]), Buffer.from('\nbob\n')]);
      const failed = failureIn(await fromStdin(latin, 3));
      expect(failed.detail).to.contain('line 3: expected UTF-8 text');
      const wide = Buffer.concat([Buffer.from([0xff, 0xfe]), Buffer.from('name\n', 'utf16le')]);
      expect(failureIn(await fromStdin(wide)).detail).to.contain('found UTF-16 text');
      expect(failureIn(await fromStdin(Buffer.from([0x61, 0x0a, 0xe2, 0x82]))).detail).to.contain('line 2');
    });

    it('stops reading when its reader stops, and when it is aborted', async () => {
      const path = await file('many.csv', `a\n${'1\n'.repeat(100_000)}`);
      for await (const row of readRows(path, { stdin: noInput })) {
        expect(row).to.equal('{"a":"1"}');
        break;
      }
      const stop = new AbortController();
      const endless = new Readable({ read: () => undefined });
      setTimeout(() => stop.abort(new Error('enough')), 20);
      const error = await collect(readRows('-', { stdin: endless, signal: stop.signal })).then(
        () => null,
        (reason: unknown) => reason,
      );
      expect(error).to.be.instanceOf(Error);
      expect(endless.destroyed).to.equal(true);
    });

    it('reads half a million rows in the memory of a few', async () => {
      const piece = Buffer.from('alice,12345678901234567890,"x ""y"""\n'.repeat(1_000));
      const source = Readable.from(
        (function* () {
          yield Buffer.from('user,n,q\n');
          for (let at = 0; at < 500; at += 1) yield piece;
        })(),
        { objectMode: true },
      );
      const before = process.memoryUsage().arrayBuffers;
      let rows = 0;
      for await (const row of readRows('-', { stdin: source })) if (!isFailure(row)) rows += 1;
      expect(rows).to.equal(500_000);
      expect(process.memoryUsage().arrayBuffers - before).to.be.lessThan(64 * 1024 * 1024);
    });
  });
});
