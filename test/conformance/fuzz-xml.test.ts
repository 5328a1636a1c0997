// The fuzzer of the answers' reader, for a short while from a fixed seed; `node scripts/fuzz-xml.ts` runs it for as long as one likes. That it
// would tell is seen from what it counts: it must reach results, errors of AWS and malformed answers.
import { expect } from 'chai';
import { fuzzXml } from '../../scripts/fuzz-xml.ts';

describe('fuzzing what reads answers', function suite() {
  this.timeout(60_000);

  it('5,000 answers: nothing throws, hangs, quotes the document or keeps memory', () => {
    const report = fuzzXml({ seed: 20_260_801, runs: 5000, largest: 300_000 });
    expect(report.faults, report.faults.join('\n')).to.deep.equal([]);
    expect(report.runs).to.equal(5000);
    for (const outcome of ['result', 'service_error', 'malformed'])
      expect(report.outcomes[outcome], outcome).to.be.above(100);
  });
});
