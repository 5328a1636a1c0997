// The walk that checks the values of inputs takes and refuses what a schema of nested unions does, and does not take seconds for it.
import { expect } from 'chai';
import * as fc from 'fast-check';
import { z } from 'zod';
import { jobInputsSchema } from '../../protocol/job-claims.ts';
import { jsonInputSchema } from '../../protocol/json-input.ts';
import { limits } from '../../protocol/limits.ts';
import { safeParse } from '../../protocol/safe-parse.ts';

const nested: z.ZodType = z.union([
  z.string().max(limits.rowBytes),
  z.number(),
  z.boolean(),
  z.null(),
  z.lazy(() => z.array(nested)),
  z.lazy(() => z.record(z.string(), nested)),
]);

const tooLong = 'x'.repeat(limits.rowBytes + 1);

describe('values of inputs', () => {
  it('takes and refuses what the nested schema does', () => {
    const leaf = fc.oneof(
      fc.string(),
      fc.double(),
      fc.boolean(),
      fc.constantFrom<unknown>(null, undefined, Infinity, NaN, 1n, tooLong, new Date(0), new Map(), () => 1),
    );
    const { value } = fc.letrec<{ value: unknown }>((tie) => ({
      value: fc.oneof(
        { maxDepth: 5 },
        leaf,
        fc.array(tie('value'), { maxLength: 4 }),
        fc.dictionary(fc.string(), tie('value'), { maxKeys: 4, noNullPrototype: false }),
      ),
    }));
    let refused = 0;
    fc.assert(
      fc.property(value, (one) => {
        const expected = safeParse(nested, one).success;
        if (!expected) refused += 1;
        expect(jsonInputSchema.safeParse(one).success).to.equal(expected);
      }),
      { numRuns: 2_000 },
    );
    expect(refused).to.be.greaterThan(100);
  });

  it('gives back what it took, and names the input that it refuses', () => {
    const inputs = { a: '{{ user }}', b: [1, { c: null }] };
    expect(jobInputsSchema.parse(inputs)).to.deep.equal(inputs);
    const refused = jobInputsSchema.safeParse({ ...inputs, deep: [[Infinity]] });
    expect(refused.error?.issues[0]?.path).to.deep.equal(['deep']);
  });

  it('is no slower for a deeply nested token than for reading it', () => {
    const value: unknown = JSON.parse(
      `[${Array.from({ length: 1_500 }, () => `${'['.repeat(60)}${']'.repeat(60)}`).join(',')},1e999]`,
    );
    const times = [() => JSON.stringify(value), () => jsonInputSchema.safeParse(value)].map((work) => {
      const startedAt = performance.now();
      work();
      return performance.now() - startedAt;
    });
    expect(jsonInputSchema.safeParse(value).success).to.equal(false);
    // The nested schema took some thousand times as long.
    expect(times[1]).to.be.lessThan(100 * Math.max(1, times[0] ?? 0));
  });
});
