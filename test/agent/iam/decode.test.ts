// The decoder where boto3 gives no measure: faults without a trace of the body, and forms that AWS does not send. Equality with boto3 is in
// test/conformance/results.test.ts.
import { expect } from 'chai';
import { decodeAnswer } from '../../../agent/iam/decode.ts';
import { decodePolicy, percentDecode } from '../../../agent/iam/policy-document.ts';
import { printTimestamp } from '../../../agent/iam/timestamp.ts';

const answer = (body: string, status = 200) => ({ kind: 'answer', status, headers: [], body, attempts: 1 }) as const;
const keyAnswer = (inner: string): string =>
  `<CreateAccessKeyResponse><CreateAccessKeyResult><AccessKey>${inner}</AccessKey></CreateAccessKeyResult></CreateAccessKeyResponse>`;
const whole =
  '<UserName>a</UserName><AccessKeyId>AKID</AccessKeyId><Status>Active</Status><SecretAccessKey>S3CR3T</SecretAccessKey>';

describe('decoding an answer', () => {
  it('finds the fault and keeps the secret', () => {
    const bodies = [
      keyAnswer(`${whole}<CreateDate>S3CR3T</CreateDate>`),
      keyAnswer(`${whole}<SecretAccessKey>S3CR3T</SecretAccessKey>`),
      keyAnswer(whole).replace('</AccessKey>', '</AccessKeyS3CR3T>'),
      keyAnswer(whole).slice(0, -10),
    ];
    for (const body of bodies) {
      const decoded = decodeAnswer('iam', 'CreateAccessKey', answer(body), true);
      expect(decoded.kind).to.equal('malformed');
      expect(JSON.stringify(decoded)).to.not.contain('S3CR3T');
    }
  });

  it('asks for every required member of a new key, when strict', () => {
    const names = ['UserName', 'AccessKeyId', 'Status', 'SecretAccessKey'];
    expect(decodeAnswer('iam', 'CreateAccessKey', answer(keyAnswer(whole)), true).kind).to.equal('result');
    for (const name of names) {
      const without = whole.replace(new RegExp(`<${name}>.*?</${name}>`), '');
      const empty = whole.replace(new RegExp(`<${name}>.*?</${name}>`), `<${name}/>`);
      for (const inner of [without, empty]) {
        const decoded = decodeAnswer('iam', 'CreateAccessKey', answer(keyAnswer(inner)), true);
        expect(decoded).to.deep.include({ kind: 'malformed', detail: `HTTP status 200 with no AccessKey.${name}` });
      }
      expect(decodeAnswer('iam', 'CreateAccessKey', answer(keyAnswer(without))).kind).to.equal('result');
    }
  });

  it('keeps integers that a double would change, and refuses what is none', () => {
    const summary = (value: string): string =>
      `<GetAccountSummaryResponse><GetAccountSummaryResult><SummaryMap><entry><key>k</key><value>${value}</value></entry></SummaryMap>` +
      '</GetAccountSummaryResult></GetAccountSummaryResponse>';
    const printed = (value: string): string =>
      JSON.stringify(decodeAnswer('iam', 'GetAccountSummary', answer(summary(value))));
    expect(printed('9007199254740993')).to.contain('{"k":9007199254740993}');
    expect(printed('-0012')).to.contain('{"k":-12}');
    for (const value of ['', '1.5', '0x10', '1e3', 'NaN', '1__0']) expect(printed(value)).to.contain('"malformed"');
  });

  it('takes names from the schema only', () => {
    const body = keyAnswer(`${whole}<__proto__>x</__proto__><constructor>y</constructor>`);
    const decoded = decodeAnswer('iam', 'CreateAccessKey', answer(body), true);
    if (decoded.kind !== 'result') throw new Error(decoded.kind);
    expect(Object.keys(decoded.result['AccessKey'] as object)).to.have.members([
      'UserName',
      'AccessKeyId',
      'Status',
      'SecretAccessKey',
    ]);
  });

  it('calls an error without XML malformed, with its status', () => {
    const decoded = decodeAnswer('iam', 'CreateAccessKey', answer('Proxy says no', 403));
    expect(decoded).to.include({ kind: 'malformed' }).and.to.have.property('detail').that.contains('403');
  });
});

describe('policy documents', () => {
  it('decode like Python and never throw', () => {
    expect(percentDecode('a+b%20%zz%4%41%C3%A9%c3%28%')).to.equal('a+b %zz%4Aé\ufffd(%');
    expect(decodePolicy('%7B%22a%22%3A1.0%7D')).to.satisfy((value: unknown) => JSON.stringify(value) === '{"a":1.0}');
    const bad = ['{', '%7B', 'NaN', '{"a":1,}', '\ufeff{}', '['.repeat(100_000)];
    for (const text of bad) expect(decodePolicy(text)).to.equal(text);
  });
});

describe('timestamps', () => {
  const times: readonly [text: string, printed: string | null][] = [
    ['2021-06-09T04:17:00Z', '2021-06-09T04:17:00+00:00'],
    [' 2021-06-09T04:17:00Z\n', '2021-06-09T04:17:00+00:00'],
    ['2021-06-09 04:17:00.5', '2021-06-09T04:17:00.500000'],
    ['20210609T041700Z', '2021-06-09T04:17:00+00:00'],
    ['2021-06-09T04:17:00.0000009Z', '2021-06-09T04:17:00+00:00'],
    ['2021-06-09T04:17:00-00:00', '2021-06-09T04:17:00+00:00'],
    ['2021-06-09T04:17:00-0330', '2021-06-09T04:17:00-03:30'],
    ['2024-02-29T00:00:00Z', '2024-02-29T00:00:00+00:00'],
    ['0', '1970-01-01T00:00:00+00:00'],
    ['2023-02-29T00:00:00Z', null],
    ['2021-13-01T00:00:00Z', null],
    ['2021-06-09T24:00:00Z', null],
    ['2021-06-09T04:17:00+25:00', null],
    ['yesterday', null],
    ['', null],
    ['1e300', null],
  ];
  for (const [text, printed] of times) {
    it(`${JSON.stringify(text)} prints ${printed ?? 'nothing'}`, () => {
      expect(printTimestamp(text)).to.equal(printed);
    });
  }
});
