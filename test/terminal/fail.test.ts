import { expect } from 'chai';
import { refuse } from '../../protocol/error-codes.ts';
import { exitCodeHelp, exitCodes } from '../../terminal/exit-codes.ts';
import { failure, failureText, isFailure, refusalFailure } from '../../terminal/fail.ts';

describe('failureText', () => {
  it('says code, detail and help', () => {
    const failed = failure('usage', 'usage', 'no\ngood', 'do this\nand that');
    expect(failureText(failed, false)).to.equal('error usage: no\ngood\nhelp: do this\n      and that\n');
    expect(failureText(refusalFailure(refuse('expired', 'late'), 'temporary'), true)).to.equal(
      '\u001B[31merror expired:\u001B[0m late\n',
    );
  });

  it('lets nothing of it act on the terminal', () => {
    const text = failureText(
      { kind: 'failure', exit: 'io', code: '\u001B[1m', detail: '\u009B2J\r', help: '\u0007' },
      false,
    );
    expect(text).to.equal('error \\e[1m: \\u{9b}2J\\r\nhelp: \\u{7}\n');
    expect(isFailure(null)).to.equal(false);
  });
});

describe('exit codes', () => {
  it('are the documented ones', () => {
    const statuses = Object.values(exitCodes).map(({ status }) => status);
    expect(statuses).to.deep.equal([0, 1, 2, 65, 69, 70, 74, 75, 77, 78, 130]);
    expect(exitCodeHelp(['ok'])).to.match(/Exit status:\n +0 {2}Done/);
  });
});
