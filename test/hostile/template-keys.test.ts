// A dict key of shared tuples is small in memory and exponential when written out. Making a key must be paid for like every other text.
import { expect } from 'chai';
import { compileTemplate, renderTemplate } from '../../agent/template/template.ts';
import { isRefusal } from '../../protocol/error-codes.ts';

/** 2 to the power of `depth` numbers, in `depth` tuples. */
function doubled(depth: number): string {
  return `{% set a = (1, 1) %}${'{% set a = (a, a) %}'.repeat(depth)}`;
}

function outcome(source: string): string {
  const template = compileTemplate(source);
  if (isRefusal(template)) return template.code;
  const text = renderTemplate(template, { row: {}, references: {}, secretNames: new Set() });
  return isRefusal(text) ? text.code : `printed ${text}`;
}

describe('hostile template keys', () => {
  const uses = {
    'a dict literal': '{{ {a: 1}|length }}',
    'the filter unique': '{{ [a, a]|unique|list|length }}',
    'the operator in': '{{ a in {1: 1} }}',
    'an item': '{{ {1: 1}[a] is defined }}',
    'the method get': '{{ {1: 1}.get(a) }}',
  };
  for (const [what, use] of Object.entries(uses)) {
    it(`${what} pays for a key of nested tuples`, () => {
      expect(outcome(`${doubled(18)}${use}`)).to.equal('template_budget');
    });
  }
});
