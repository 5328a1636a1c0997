import { expect } from 'chai';
import { dryRunEnvelope, envelopeLines, refusalEnvelope } from '../../../agent/job/envelope.ts';
import { findAction } from '../../../agent/iam/catalogue.ts';
import { refuse } from '../../../protocol/error-codes.ts';
import { rawNumber } from '../../../protocol/json.ts';
import { limits } from '../../../protocol/limits.ts';
import { entrySchema, type Envelope } from '../../../protocol/result-envelope.ts';

const item = (member: Record<string, Envelope[string]>): Envelope => ({ ...member, error: null, has_error: false });
/** An envelope whose line has exactly so many bytes. */
const sized = (bytes: number, letter = 'x'): Envelope => {
  const empty = new TextEncoder().encode(envelopeLines(0, 0, [item({ fill: '' })]).lines[0] ?? '').length;
  const each = new TextEncoder().encode(letter).length;
  const left = bytes - empty;
  return item({ fill: letter.repeat(Math.floor(left / each)) + 'x'.repeat(left % each) });
};

describe('envelopes', () => {
  it('of a listing are numbered from where the row is; errors and single answers have no number', () => {
    const failed = refusalEnvelope(refuse('aws_error', 'no'));
    const { lines, fault } = envelopeLines(7, 3, [item({ a: 1 }), item({ a: 2 }), failed]);
    const parsed = lines.map((line) => entrySchema.parse(JSON.parse(line)));
    expect(parsed.map((entry) => ('item' in entry ? entry.item : undefined))).to.deep.equal([3, 4, undefined]);
    expect(fault).to.equal(null);
    expect(envelopeLines(7, null, [item({ result: {} })]).lines[0]).to.equal(
      '{"row":7,"envelope":{"result":{},"error":null,"has_error":false}}',
    );
  });

  it('keep every digit of a number, and what looks like a prototype', () => {
    const value = item({ n: rawNumber('9007199254740993.10'), ['__proto__']: 'x', constructor: 1 });
    const own = { ...value };
    Object.defineProperty(own, '__proto__', { value: 'x', enumerable: true });
    const [line] = envelopeLines(0, null, [own]).lines;
    expect(line).to.include('"n":9007199254740993.10').and.include('"__proto__":"x"').and.include('"constructor":1');
  });

  it('of the largest size pass, in bytes and not in characters; one byte more becomes an error that says so', () => {
    for (const letter of ['x', '\u00fc', '\u20ac', '\u{1f600}']) {
      const most = envelopeLines(0, 0, [sized(limits.envelopeBytes, letter)]);
      expect(new TextEncoder().encode(most.lines[0]).length, letter).to.equal(limits.envelopeBytes);
      expect(most.fault, letter).to.equal(null);
      const over = envelopeLines(0, 5, [item({}), sized(limits.envelopeBytes + 1, letter), item({})]);
      expect(over.fault, letter).to.equal('result_too_large');
      expect(over.lines).to.have.length(3);
      const said = entrySchema.parse(JSON.parse(over.lines[1] ?? ''));
      expect('envelope' in said && said.envelope, letter).to.include({
        has_error: true,
        error_code: 'result_too_large',
      });
      expect((over.lines[1] ?? '').length).to.be.lessThan(1_000);
    }
  });

  it('of a dry run name the call, with the role only when there is one', () => {
    const action = findAction('list_access_keys');
    if (action === undefined) throw new Error('no such action');
    const call = {
      action,
      input: { UserName: 'alice' },
      roleArn: null,
      maxItems: null,
      asRows: false,
      waitSeconds: null,
    };
    const plain = { Service: 'iam', Operation: 'ListAccessKeys', Input: { UserName: 'alice' } };
    expect(dryRunEnvelope(call)).to.deep.equal({ result: { DryRun: plain }, error: null, has_error: false });
    const role = dryRunEnvelope({ ...call, roleArn: 'arn:aws:iam::123456789012:role/r' });
    expect(role).to.have.nested.property('result.DryRun.RoleArn', 'arn:aws:iam::123456789012:role/r');
  });

  it('of a dry run show no secret', () => {
    const action = findAction('create_login_profile');
    if (action === undefined) throw new Error('no such action');
    const input = { UserName: 'alice', Password: 'hunter2hunter2' };
    const call = { action, input, roleArn: null, maxItems: null, asRows: false, waitSeconds: null };
    expect(dryRunEnvelope(call))
      .to.have.nested.property('result.DryRun.Input')
      .that.deep.equals({ ...input, Password: '***' });
  });

  it('keep the code of an error whose text does not fit, and cut the text', () => {
    const error = '\u0001'.repeat(600_000);
    const unknown = { result: null, error, has_error: true, error_code: 'outcome_unknown' } as const;
    const { lines, fault } = envelopeLines(3, null, [unknown]);
    expect(fault).to.equal(null);
    expect((lines[0] ?? '').length).to.be.below(limits.envelopeBytes);
    expect(JSON.parse(lines[0] ?? '')).to.have.nested.property('envelope.error_code', 'outcome_unknown');
  });
});
