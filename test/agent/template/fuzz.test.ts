// A short run of the fuzzer with a fixed seed; `node scripts/fuzz-template.ts` runs it for as long as wanted.
import { expect } from 'chai';
import { fuzzTemplates } from '../../support/template-fuzz.ts';

describe('fuzzed templates', () => {
  it('end in a text or a coded refusal within a second, 4,000 of them', () => {
    const report = fuzzTemplates(20_261_126, ({ runs }) => runs < 4_000);
    expect(report.finding).to.equal(null);
    expect(report.runs).to.equal(4_000);
    expect(report.rendered).to.be.greaterThan(400);
    expect([...report.refusals.keys()]).to.include.members([
      'template_syntax',
      'template_unsupported',
      'template_undefined',
      'template_error',
      'template_budget',
    ]);
  }).timeout(60_000);
});
