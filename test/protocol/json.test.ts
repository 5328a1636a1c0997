// JSON without loss: numbers keep what the text says, names that stand twice and deep nesting are found, in one pass.
import { expect } from 'chai';
import * as fc from 'fast-check';
import { isRawNumber, jsonFault, parseJson, rawNumber, stringifyJson } from '../../protocol/json.ts';

describe('json', () => {
  it('prints every number as it was read', () => {
    const number = fc.oneof(
      fc.constantFrom(
        '1.0',
        '1e3',
        '-0',
        '0.10',
        '9007199254740993',
        '1E+2',
        '123456789012345678901234567890',
        '1e400',
      ),
      fc.tuple(fc.bigInt(), fc.nat()).map(([whole, part]) => `${whole}.${part}`),
      fc.double({ noNaN: true, noDefaultInfinity: true }).map(String),
    );
    fc.assert(
      fc.property(fc.array(number, { minLength: 1 }), (numbers) => {
        const valid = numbers.map((text) => (text.startsWith('+') ? text.slice(1) : text));
        const text = `{"a":[${valid.join(',')}]}`;
        expect(stringifyJson(parseJson(text))).to.equal(text);
      }),
    );
  });

  it('keeps plain integers as numbers and wraps only what a double would change', () => {
    expect(parseJson('[1,-7,0.5]')).to.deep.equal([1, -7, 0.5]);
    const [big] = parseJson('[9007199254740993]') as unknown[];
    expect(isRawNumber(big)).to.equal(true);
    expect(stringifyJson([rawNumber('1.50')])).to.equal('[1.50]');
    expect(() => rawNumber('1;2')).to.throw(SyntaxError);
  });

  it('finds a name that stands twice, however it is spelled, and only within one object', () => {
    const twice = [
      '{"a":1,"a":2}',
      '{"a":1,"\\u0061":2}',
      '{"x":{"b":1,"b":1}}',
      '[{"a" : 1 ,\n"a"\t: 2}]',
      '{"":1,"":2}',
      '{"\\"":1,"\\u0022":2}',
      '{"__proto__":1,"__proto__":2}',
    ];
    for (const text of twice) expect(jsonFault(text, 9), text).to.equal('duplicate_key');
    const once = [
      '{"a":{"a":1},"b":{"a":2}}',
      '{"x":"a","a":"x"}',
      '["a","a",{"a":"a"}]',
      '{"a":"\\",\\"a\\":","b":1}',
      '{"a":1,"A":2}',
      '',
    ];
    for (const text of once) expect(jsonFault(text, 9), text).to.equal(null);
  });

  it('has no fault for any JSON that was printed from a value', () => {
    fc.assert(fc.property(fc.json(), (text) => jsonFault(JSON.stringify(JSON.parse(text)), 1_000) === null));
  });

  it('counts nesting, not brackets in texts', () => {
    expect(jsonFault('[[["[[[["]]]', 3)).to.equal(null);
    expect(jsonFault('[[[[]]]]', 3)).to.equal('too_deep');
    expect(jsonFault('[[],[],[],[]]', 2)).to.equal(null);
  });

  it('is total, and its time grows with the length only', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) =>
        [null, 'duplicate_key', 'too_deep'].includes(jsonFault(text, 8)),
      ),
    );
    const tookMs = (repeats: number): number => {
      const start = performance.now();
      jsonFault(`"${'\\"'.repeat(repeats)}`, 8);
      return performance.now() - start;
    };
    tookMs(50_000);
    expect(tookMs(500_000)).to.be.below(2_000);
  });
});
