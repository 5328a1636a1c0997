// Whatever the text, compiling and rendering end in a value: a text or a coded refusal, never an exception.
import { expect } from 'chai';
import * as fc from 'fast-check';
import { compileTemplate, renderTemplate, type Scope } from '../../../agent/template/template.ts';
import { isRefusal } from '../../../protocol/error-codes.ts';

const scope: Scope = {
  row: { name: 'alice', num: -7, list: [3, 'b', null], obj: { a: 1, 'é😀': [true] }, none_v: null, float: 2.5 },
  references: { account: '123' },
  secretNames: new Set(['password']),
};

function outcome(source: string): string {
  const compiled = compileTemplate(source);
  const result = isRefusal(compiled) ? compiled : renderTemplate(compiled, scope, { maxSteps: 5000 });
  return isRefusal(result) ? result.code : 'text';
}

const pieces = [
  'name',
  'num',
  'list',
  'obj',
  'none_v',
  'float',
  'missing',
  'row',
  'password',
  "'a%sb'",
  "''",
  '0',
  '-1',
  '2.5',
  '1e400',
  '99999999999999999999',
  '[]',
  '()',
  '{}',
  '[1, 2]',
  '(1,)',
  "{'a': 1}",
  '+',
  '-',
  '*',
  '/',
  '//',
  '%',
  '**',
  '~',
  '==',
  '<',
  '>=',
  ' in ',
  ' not in ',
  ' and ',
  ' or ',
  'not ',
  ' if ',
  ' else ',
  ' is ',
  'odd',
  'defined',
  'sequence',
  'divisibleby',
  '|',
  'upper',
  'join',
  'sort',
  'round',
  'int',
  'float',
  'tojson',
  "map('upper')",
  'batch(2)',
  'slice(-1)',
  'list',
  'first',
  'last',
  'format(1)',
  'truncate(3)',
  'center(9)',
  'round(-400)',
  'indent',
  'sum',
  'max',
  '.',
  '.a',
  '.split()',
  '.items()',
  '.format(1)',
  '[0]',
  '[1:]',
  '[::-1]',
  '[::0]',
  '(',
  ')',
  '[',
  ']',
  ',',
  ':',
  '{{',
  '}}',
  '{% set x = ',
  '%}',
  '{% for x in ',
  '{% endfor %}',
  '{% if ',
  '{% endif %}',
  '{% else %}',
  '{#',
  '#}',
  '{% raw %}',
  '{% endraw %}',
  '-',
  ' ',
  '\n',
  '"',
  '\\',
];
const expression = fc.letrec<{ node: string }>((tie) => ({
  node: fc.oneof(
    { depthSize: 'small' },
    fc.constantFrom(...pieces.slice(0, 22)),
    fc
      .tuple(
        tie('node'),
        fc.constantFrom(
          ' + ',
          ' - ',
          ' * ',
          ' / ',
          ' // ',
          ' % ',
          ' ** ',
          ' ~ ',
          ' == ',
          ' < ',
          ' in ',
          ' and ',
          ' or ',
        ),
        tie('node'),
      )
      .map(([a, o, b]) => `(${a}${o}${b})`),
    fc
      .tuple(
        tie('node'),
        fc.constantFrom(
          'upper',
          'list',
          'sort',
          'join',
          'int',
          'float',
          'round',
          'tojson',
          'first',
          'last',
          'length',
          'sum',
          'max',
          'unique|list',
          'reverse',
          'batch(2)|list',
          'slice(2)|list',
          'items|list',
          'dictsort',
          'urlencode',
          'e',
          'default(1)',
          'abs',
          'title',
          'trim',
          'string',
          'format(1)',
          "map('int')|list",
          "select('odd')|list",
        ),
      )
      .map(([a, f]) => `(${a}|${f})`),
    fc
      .tuple(
        tie('node'),
        fc.constantFrom(
          '.a',
          '[0]',
          '[-1]',
          '[1:]',
          '[::-1]',
          "['a']",
          '.upper()',
          '.split()',
          '.items()',
          ".get('a')",
          '.count(1)',
        ),
      )
      .map(([a, m]) => `${a}${m}`),
    fc
      .tuple(
        tie('node'),
        fc.constantFrom(
          'odd',
          'none',
          'string',
          'sequence',
          'iterable',
          'divisibleby 3',
          'in [1]',
          'eq 1',
          'lt 1',
          'upper',
        ),
      )
      .map(([a, t]) => `(${a} is ${t})`),
  ),
}));

describe('any template', () => {
  it('never throws for random text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 60 }), (text) => outcome(`{{ ${text} }}`) !== ''),
      { numRuns: 500 },
    );
  });

  it('never throws for random runs of template pieces', () => {
    const soup = fc.array(fc.constantFrom(...pieces), { maxLength: 30 }).map((parts) => parts.join(''));
    fc.assert(
      fc.property(soup, (text) => outcome(text) !== '' && outcome(`{{ ${text} }}`) !== ''),
      { numRuns: 3000 },
    );
  });

  it('never throws for random expressions, and some of them render', () => {
    let rendered = 0;
    fc.assert(
      fc.property(expression.node, (text) => {
        if (outcome(`{{ ${text} }}`) === 'text') rendered += 1;
      }),
      { numRuns: 3000 },
    );
    expect(rendered).to.be.greaterThan(300);
  });
});
