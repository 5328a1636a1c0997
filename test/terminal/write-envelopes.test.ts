import { PassThrough, Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { expect } from 'chai';
import * as fc from 'fast-check';
import { parseJson } from '../../protocol/json.ts';
import { isFailure } from '../../terminal/fail.ts';
import { readRows } from '../../terminal/read-rows.ts';
import { type WriterOptions, type EnvelopeWriter, envelopeWriter } from '../../terminal/write-envelopes.ts';

interface Written {
  readonly out: string;
  readonly remarks: readonly string[];
  readonly writer: EnvelopeWriter;
}

async function written(
  lines: readonly string[],
  options: Partial<WriterOptions> & { readonly tty?: boolean },
): Promise<Written> {
  const out = Object.assign(new PassThrough(), options.tty === true ? { isTTY: true, columns: 60 } : {});
  const { tty: _tty, ...rest } = options;
  const all = text(out);
  const writer = envelopeWriter({ format: 'jsonl', out, ...rest });
  for (const line of lines) expect(await writer.write(line), line).to.equal(true);
  const remarks = await writer.end();
  out.end();
  return { out: await all, remarks, writer };
}

const ok = (row: number, members: string): string =>
  `{"row":${row},"envelope":{"result":${members},"error":null,"has_error":false}}`;
const failed = (row: number, error: string): string =>
  JSON.stringify({ row, envelope: { result: null, error, has_error: true, error_code: 'aws_error' } });
const end = (row: number, outcome: string): string => JSON.stringify({ row, row_end: { items: 1, outcome } });
const hostile = '\u001B]0;owned\u0007\u001B[2J\r\u009B31m\u202Eabc\u2028\uDC00';
// Every control, format and separator character but the line feed.
const dangerous = /(?!\n)[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u;

describe('envelopeWriter', () => {
  describe('jsonl', () => {
    it('puts row and item before the members, keeps numbers, and prints no row ends', async () => {
      const { out, writer } = await written(
        [
          ok(0, '{"n":12345678901234567890,"f":1.0,"x":1e400}'),
          '{"row":1,"item":2,"envelope":{"UserName":"a","error":null,"has_error":false}}',
          end(0, 'succeeded'),
          end(1, 'failed'),
        ],
        {},
      );
      expect(out).to.equal(
        '{"row":0,"result":{"n":12345678901234567890,"f":1.0,"x":1e400},"error":null,"has_error":false}\n' +
          '{"row":1,"item":2,"UserName":"a","error":null,"has_error":false}\n',
      );
      expect([writer.tally.envelopes, writer.tally.ended, writer.tally.notSucceeded]).to.deep.equal([2, 2, 1]);
    });

    it('keeps a member that has the name of one of ours', async () => {
      const { out } = await written(['{"row":1,"envelope":{"row":"x","_row":"y","error":null,"has_error":false}}'], {});
      const line = parseJson(out) as Record<string, unknown>;
      expect(line['row']).to.equal(1);
      expect(Object.values(line)).to.include('x').and.include('y');
    });

    it('writes nothing that a terminal acts on, and loses nothing of it', async () => {
      const { out } = await written([ok(0, JSON.stringify({ s: hostile }))], {});
      expect(out).to.not.match(dangerous);
      expect((JSON.parse(out) as { result: { s: string } }).result.s).to.equal(hostile);
    });

    it('refuses lines that are no entries', async () => {
      const writer = envelopeWriter({ format: 'jsonl', out: new PassThrough() });
      for (const line of [
        '',
        'null',
        '[]',
        '{"row":1}',
        '{"row":"1","envelope":{"has_error":false}}',
        '{"row":0,"row_end":{"outcome":"?"}}',
      ])
        expect(await writer.write(line), line).to.equal(false);
      expect(writer.tally.envelopes).to.equal(0);
    });

    it('waits for a slow reader', async () => {
      const out = new PassThrough({ highWaterMark: 10 });
      const writer = envelopeWriter({ format: 'jsonl', out });
      let done = false;
      const writing = writer.write(ok(0, '{"a":1}')).then(() => (done = true));
      await new Promise((resolve) => setTimeout(resolve, 20));
      expect(done).to.equal(false);
      out.resume();
      await writing;
      const broken = new PassThrough({ highWaterMark: 10 });
      const other = envelopeWriter({ format: 'jsonl', out: broken }).write(ok(0, '{"a":1}'));
      setTimeout(() => broken.destroy(), 10);
      expect(await other).to.equal(true);
    });
  });

  describe('table', () => {
    it('opens results into columns and shows each error whole, with its code', async () => {
      const { out } = await written(
        [
          ok(0, '{"User":{"UserName":"alice","Tags":[{"Key":"k"}]},"ResponseMetadata":{"RequestId":"r"}}'),
          failed(1, 'An error occurred (NoSuchEntity) when calling the GetUser operation: no such user'),
        ],
        { format: 'table', colour: true },
      );
      const [header = '', first = '', second = ''] = out.split('\n');
      expect(header).to.contain('row  status     User.UserName  User.Tags');
      expect(first).to.match(/^0 +ok +alice +\[\{"Key":"k"\}\]$/);
      expect(second).to.equal(
        '\u001B[31m1    aws_error  An error occurred (NoSuchEntity) when calling the GetUser operation: no such user\u001B[0m',
      );
      expect(out).to.not.contain('RequestId');
    });

    it('fits the terminal, cuts long cells and says what it left out', async () => {
      const wide = Object.fromEntries(
        Array.from({ length: 12 }, (_none, at) => [`Member${at}`, 'x'.repeat(at === 0 ? 500_000 : 9)]),
      );
      const { out, remarks } = await written([ok(0, JSON.stringify(wide))], { format: 'table', tty: true });
      for (const line of out.split('\n')) expect(line.length).to.be.lessThanOrEqual(60);
      expect(out).to.contain('…');
      expect(remarks.join()).to.match(/has no room for Member\d+.*--format jsonl/);
    });

    it('lets nothing act on the terminal, in names, values, codes and errors', async () => {
      await fc.assert(
        fc.asyncProperty(fc.string({ unit: 'binary' }), async (evil) => {
          const key = `k${evil}${hostile}`;
          const { out } = await written(
            [
              ok(0, JSON.stringify({ [key]: `v${evil}${hostile}` })),
              JSON.stringify({
                row: 1,
                envelope: { result: null, error: evil + hostile, has_error: true, error_code: evil },
              }),
            ],
            { format: 'table', tty: true },
          );
          expect(out).to.not.match(dangerous);
          expect(out.split('\n')).to.have.length(4);
        }),
        { numRuns: 100 },
      );
    });

    it('counts wide characters as two cells', async () => {
      const { out } = await written([ok(0, '{"a":"日本","b":"x"}'), ok(1, '{"a":"abcd","b":"y"}')], {
        format: 'table',
      });
      expect(out.split('\n').slice(1, 3)).to.deep.equal(['0    ok      日本  x', '1    ok      abcd  y']);
    });

    it('starts after a moment with what there is', async () => {
      const out = new PassThrough();
      const writer = envelopeWriter({ format: 'table', out });
      await writer.write(ok(0, '{"a":1}'));
      expect(out.readableLength).to.equal(0);
      await new Promise((resolve) => out.once('readable', resolve));
      expect(String(out.read())).to.contain('row  status  a');
      expect(await writer.end()).to.deep.equal([]);
    });
  });

  describe('csv', () => {
    it('decides its header once and loses nothing that comes later', async () => {
      const lines = Array.from({ length: 60 }, (_none, row) =>
        ok(row, row < 55 ? '{"a":1.0}' : '{"a":1,"late":[1e400]}'),
      );
      const { out } = await written([...lines, failed(60, 'no, "really"')], { format: 'csv' });
      const rows = out.split('\n');
      expect(rows[0]).to.equal('row,item,has_error,error_code,error,result.a,more');
      expect(rows[1]).to.equal('0,,false,,,1.0,');
      expect(rows[56]).to.equal('55,,false,,,1,"{""result.late"":[1e400]}"');
      expect(rows[61]).to.equal('60,,true,aws_error,"no, ""really""",,');
    });

    it('has a header without any envelope, and one column for each of ours', async () => {
      expect((await written([], { format: 'csv' })).out).to.equal('row,item,has_error,error_code,error,more\n');
      const clash = '{"row":0,"item":1,"envelope":{"row":"theirs","more":"m","error":null,"has_error":false}}';
      expect((await written([clash], { format: 'csv' })).out).to.equal(
        'row,item,has_error,error_code,error,_row,_more,more\n0,1,false,,,theirs,m,\n',
      );
    });

    it('writes data as it is, so that it is read back unchanged', async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(fc.string({ unit: 'grapheme' }), { minLength: 1, maxLength: 5 }), async (values) => {
          const all = [...values, '=cmd()', '@x', ' a,"b"\r\nc '];
          const { out } = await written(
            all.map((s, row) => ok(row, JSON.stringify({ s }))),
            { format: 'csv' },
          );
          const source = Readable.from([Buffer.from(out)], { objectMode: true });
          const read: string[] = [];
          for await (const row of readRows('-', { stdin: source })) {
            if (isFailure(row)) throw new Error(row.detail);
            read.push((JSON.parse(row) as Record<string, string>)['result.s'] ?? '');
          }
          expect(read).to.deep.equal(all);
        }),
        { numRuns: 100 },
      );
    });

    it('is made safe only when it is shown on a terminal', async () => {
      const lines = [ok(0, JSON.stringify({ s: hostile }))];
      expect((await written(lines, { format: 'csv', tty: true })).out).to.not.match(dangerous);
      expect((await written(lines, { format: 'csv' })).out).to.contain('\u001B]0;owned');
    });
  });
});
