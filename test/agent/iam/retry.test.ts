import { expect } from 'chai';
import type { Repeat } from '../../../agent/iam/action.ts';
import type { CallAnswer } from '../../../agent/iam/iam-caller.ts';
import { decideRetry, judge, retryAfterMs, retryLimits, type Verdict } from '../../../agent/iam/retry.ts';

const error = (status: number, code: string): CallAnswer => {
  const body = `<ErrorResponse><Error><Code>${code}</Code></Error></ErrorResponse>`;
  return { kind: 'answer', status, headers: [], body, attempts: 1 };
};
const lost = (code: Extract<CallAnswer, { kind: 'transport' }>['code'], ambiguous: boolean): CallAnswer => ({
  kind: 'transport',
  code,
  message: '',
  ambiguous,
  attempts: 1,
});
const create = { service: 'iam', operation: 'CreateAccessKey' } as const;

describe('what an attempt came to', () => {
  const verdicts: readonly [title: string, answer: CallAnswer, verdict: Verdict][] = [
    ['success', error(200, 'x'), 'final'],
    ['throttling', error(400, 'Throttling'), 'throttled'],
    ['another word for it', error(503, 'RequestLimitExceeded'), 'throttled'],
    ['status 429', error(429, 'Whatever'), 'throttled'],
    ['a quota, which is no rate', error(409, 'LimitExceeded'), 'final'],
    ['a quota by its other name', error(400, 'LimitExceededException'), 'final'],
    ['a refusal', error(403, 'AccessDenied'), 'final'],
    ['a failure inside AWS', error(500, 'InternalFailure'), 'ambiguous'],
    ['an overload', error(503, 'ServiceUnavailable'), 'ambiguous'],
    ['a page of HTML', { kind: 'answer', status: 502, headers: [], body: '<html>', attempts: 1 }, 'ambiguous'],
    [
      'an overload before the call, at AssumeRole',
      { ...error(503, 'x'), operation: 'AssumeRole' } as CallAnswer,
      'not_sent',
    ],
    ['nobody listens', lost('connect', false), 'not_sent'],
    ['a reset before the request', lost('closed', false), 'not_sent'],
    ['a reset after the request', lost('closed', true), 'ambiguous'],
    ['silence', lost('answer_timeout', true), 'ambiguous'],
    ['a certificate that is not trusted', lost('tls', false), 'final'],
    ['no keys', lost('credentials', false), 'final'],
    ['an answer too large', lost('answer_too_large', true), 'final'],
    ['a stop', { kind: 'aborted' }, 'final'],
  ];
  for (const [title, answer, verdict] of verdicts) {
    it(`${title}: ${verdict}`, () => {
      expect(judge(create, answer)).to.equal(verdict);
    });
  }
});

describe('making a call again', () => {
  const tries = { attempts: 1, elapsedMs: 0, budgetMs: 10_000, random: 0.5, askedMs: null };
  const again = (verdict: Verdict, repeat: Repeat): boolean => decideRetry(verdict, repeat, tries).kind === 'again';

  it('depends on whether a second time does more than the first', () => {
    const table = (['final', 'throttled', 'not_sent', 'ambiguous'] as const).map((verdict) =>
      (['safe', 'answer_changes', 'never'] as const).map((repeat) => again(verdict, repeat)),
    );
    expect(table).to.deep.equal([
      [false, false, false],
      [true, true, true],
      [true, true, true],
      [true, false, false],
    ]);
  });

  it('waits longer each time, up to a cap, and spreads out', () => {
    const waits = (random: number): number[] =>
      Array.from({ length: 40 }, (_none, index) => {
        const decision = decideRetry('throttled', 'never', {
          attempts: index + 1,
          elapsedMs: 0,
          budgetMs: Infinity,
          random,
          askedMs: null,
        });
        return decision.kind === 'again' ? decision.afterMs : -1;
      });
    const long = waits(0.999);
    expect(long.every((wait, index) => index === 0 || wait >= (long[index - 1] ?? 0))).to.equal(true);
    expect(Math.max(...long)).to.be.at.most(retryLimits.capMs);
    expect(Math.max(...waits(0))).to.equal(0);
  });

  it('ends with the budget, and says when there had been retries', () => {
    const late = { ...tries, elapsedMs: 9999 };
    expect(decideRetry('throttled', 'safe', late)).to.deep.equal({ kind: 'stop', exhausted: false });
    expect(decideRetry('throttled', 'safe', { ...late, attempts: 3 })).to.deep.equal({ kind: 'stop', exhausted: true });
    expect(decideRetry('final', 'safe', { ...tries, attempts: 3 })).to.deep.equal({ kind: 'stop', exhausted: false });
  });

  it('waits as long as the answer asks, and no more when that is too long', () => {
    expect(decideRetry('throttled', 'never', { ...tries, askedMs: 7000 })).to.deep.equal({
      kind: 'again',
      afterMs: 7000,
    });
    expect(decideRetry('throttled', 'safe', { ...tries, askedMs: 1 })).to.deep.equal({ kind: 'again', afterMs: 250 });
    expect(decideRetry('throttled', 'safe', { ...tries, askedMs: 10_001 }).kind).to.equal('stop');
    expect(decideRetry('final', 'safe', { ...tries, askedMs: 1 }).kind).to.equal('stop');
  });
});

describe('how long an answer asks to wait', () => {
  const date = 'Wed, 09 Jun 2021 14:16:51 GMT';
  const cases: readonly [title: string, headers: [string, string][], ms: number | null][] = [
    ['not said', [], null],
    ['seconds', [['Retry-After', '7']], 7000],
    ['milliseconds, as AWS has it', [['X-Amz-Retry-After', '250']], 250],
    [
      'a time, by the clock of whoever sent it',
      [
        ['retry-after', 'Wed, 09 Jun 2021 14:17:01 GMT'],
        ['Date', date],
      ],
      10_000,
    ],
    [
      'a time that is over',
      [
        ['retry-after', 'Wed, 09 Jun 2021 14:16:01 GMT'],
        ['Date', date],
      ],
      0,
    ],
    ['a time without a clock', [['retry-after', date]], null],
    [
      'nonsense',
      [
        ['retry-after', '-1'],
        ['x-amz-retry-after', '1e9'],
      ],
      null,
    ],
  ];
  for (const [title, headers, ms] of cases) {
    it(title, () => {
      expect(retryAfterMs({ kind: 'answer', status: 503, headers, body: '', attempts: 1 })).to.equal(ms);
    });
  }

  it('nothing without an answer', () => {
    expect(retryAfterMs(lost('closed', true))).to.equal(null);
  });
});
