// The hand-written look at an entry takes what the published schema takes, and reads the same from it.
import { expect } from 'chai';
import * as fc from 'fast-check';
import { entryFacts, entrySchema, isRowEnd, rowOutcomes } from '../../protocol/result-envelope.ts';

/** Of JSON: members may be missing, but none is undefined. */
function withSome(members: Readonly<Record<string, fc.Arbitrary<unknown>>>): fc.Arbitrary<unknown> {
  return fc.oneof(
    { weight: 4, arbitrary: fc.record(members, { requiredKeys: [] }) },
    { weight: 1, arbitrary: fc.jsonValue() },
  );
}

const index = fc.oneof(
  { weight: 4, arbitrary: fc.nat() },
  fc.constantFrom(-1, 0.5, 2 ** 53, 2 ** 53 - 1, '1', null, [], {}),
);
const end = withSome({ items: index, outcome: fc.constantFrom(...rowOutcomes, 'ended', null, ['failed']) });
const envelope = withSome({
  error: fc.constantFrom(null, '', 'text', 0, false),
  has_error: fc.constantFrom(true, false, null, 0, 'true'),
  UserName: fc.jsonValue(),
});
const entry = withSome({ row: index, item: index, envelope, row_end: end, other: fc.jsonValue() });

describe('entryFacts', () => {
  it('takes what the schema takes, and says the same of it', () => {
    const seen = { taken: 0, refused: 0 };
    fc.assert(
      fc.property(entry, (value) => {
        const parsed = entrySchema.safeParse(value).data;
        const facts = entryFacts(value);
        seen[facts === null ? 'refused' : 'taken'] += 1;
        if (parsed === undefined) expect(facts).to.equal(null);
        else
          expect(facts).to.deep.equal({ row: parsed.row, outcome: isRowEnd(parsed) ? parsed.row_end.outcome : null });
      }),
      { numRuns: 5_000 },
    );
    expect(seen.taken).to.be.above(100);
    expect(seen.refused).to.be.above(100);
  });
});
