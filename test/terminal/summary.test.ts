import { expect } from 'chai';
import { duration, summaryLine, Tally } from '../../terminal/summary.ts';

describe('summary', () => {
  it('counts rows by outcome, and results', () => {
    const tally = new Tally();
    const outcomes = ['succeeded', 'succeeded', 'failed', 'unknown'] as const;
    for (const [row, outcome] of outcomes.entries()) tally.add({ kind: 'row_end', row, outcome });
    tally.add({ kind: 'envelope', row: 0, item: null, envelope: {}, failed: true });
    expect(summaryLine(tally, 1_234)).to.equal(
      '4 rows in 1.2 s: 2 succeeded, 1 failed, 1 of unknown outcome; 1 result\n',
    );
    expect([tally.notSucceeded, tally.failedEnvelopes]).to.deep.equal([2, 1]);
    expect(summaryLine(new Tally(), 0)).to.equal('0 rows in 0.0 s; 0 results\n');
  });

  it('prints durations for people', () => {
    expect([59_949, 59_950, 3_599_600, 7_260_000].map(duration)).to.deep.equal([
      '59.9 s',
      '1 min 0 s',
      '1 h 0 min',
      '2 h 1 min',
    ]);
  });
});
