// What a template reads, what it refuses, and with which code.
import { expect } from 'chai';
import { compileTemplate, renderTemplate, type Scope, templateNames } from '../../../agent/template/template.ts';
import { isRefusal } from '../../../protocol/error-codes.ts';
import { parseJson, type Json } from '../../../protocol/json.ts';

const base: Scope = { row: {}, references: {}, secretNames: new Set() };

function outcome(source: string, scope: Partial<Scope> = {}, budget = {}): string {
  const compiled = compileTemplate(source);
  const result = isRefusal(compiled) ? compiled : renderTemplate(compiled, { ...base, ...scope }, budget);
  return isRefusal(result) ? `refused: ${result.code}` : result;
}

function detail(source: string): string {
  const compiled = compileTemplate(source);
  return isRefusal(compiled) ? compiled.detail : '';
}

describe('template names', () => {
  it('finds columns before reference values', () => {
    const references = { account: 'reference', region: 'eu' };
    expect(outcome('{{ account }} {{ region }}', { row: { account: 'column' }, references })).to.equal('column eu');
  });

  it('gives the whole row as row, unless a column has that name', () => {
    expect(outcome("{{ row['User Name'] }}", { row: { 'User Name': 'Al' } })).to.equal('Al');
    expect(outcome('{{ row }}', { row: { row: 'mine' } })).to.equal('mine');
  });

  it('refuses a password reference value, but not a column of its name', () => {
    const references = { password: 'hidden' };
    const secretNames = new Set(['password']);
    expect(outcome('{{ password }}', { references, secretNames })).to.equal('refused: secret_reference');
    expect(outcome('{{ password is defined }}', { references, secretNames })).to.equal('refused: secret_reference');
    expect(outcome('{{ password }}', { row: { password: 'shown' }, references, secretNames })).to.equal('shown');
    expect(outcome('{{ row }}', { references, secretNames })).to.equal('{}');
  });

  it('never renders a column again', () => {
    expect(outcome('{{ a }}', { row: { a: '{{ b }}', b: 'x' } })).to.equal('{{ b }}');
  });

  it('sees own columns only, also those named like members of objects', () => {
    const row = parseJson('{"__proto__": "p", "constructor": "c"}') as Record<string, Json>;
    expect(outcome('{{ __proto__ }}{{ constructor }}', { row })).to.equal('pc');
    expect(outcome("{{ row['__proto__'] }}", { row })).to.equal('p');
    expect(outcome('{{ toString }}', { row })).to.equal('refused: template_undefined');
  });

  it('lists the free names, not those that the template made before', () => {
    const compiled = compileTemplate(
      '{{ b }}{% set a = c %}{{ a }}{% for x in a %}{{ x }}{{ loop.index }}{{ d }}{% endfor %}{{ x }}{% if e %}{% set f = 1 %}{% endif %}{{ f }}{{ range(3) }}',
    );
    expect(isRefusal(compiled) ? [] : templateNames(compiled)).to.deep.equal(['b', 'c', 'd', 'x', 'e', 'f']);
  });
});

describe('template numbers', () => {
  it('keeps numbers as the JSON source has them', () => {
    const row = parseJson('{"a": 1.0, "b": 9007199254740993, "c": 1e3, "d": 7, "e": -0}') as Record<string, Json>;
    expect(outcome('{{ a }} {{ b + 1 }} {{ c }} {{ d / 2 }} {{ e }}', { row })).to.equal(
      '1.0 9007199254740994 1000.0 3.5 0',
    );
  });
});

describe('template refusals', () => {
  const cases: readonly (readonly [string, string])[] = [
    ['{{ a', 'template_syntax'],
    ['{% if a %}', 'template_syntax'],
    ['{{ a|shout }}', 'template_unsupported'],
    ['{{ a is shouted }}', 'template_unsupported'],
    ["{{ a|attr('b') }}", 'template_unsupported'],
    ['{{ namespace() }}', 'template_unsupported'],
    ['{{ a() }}', 'template_unsupported'],
    ["{{ 'a'.encode() }}", 'template_unsupported'],
    ["{{ 'a'.upper }}", 'template_unsupported'],
    ['{{ a }}', 'template_undefined'],
    ['{{ 1 / 0 }}', 'template_error'],
    ["{{ 1 + 'a' }}", 'template_error'],
    ["{{ 'a' * 10 ** 9 }}", 'template_budget'],
    [`{{ ${'('.repeat(100)}1${')'.repeat(100)} }}`, 'template_budget'],
    ['x'.repeat(20_000), 'template_budget'],
  ];
  for (const [source, code] of cases)
    it(`refuses ${source.slice(0, 40)} with ${code}`, () => {
      expect(outcome(source)).to.equal(`refused: ${code}`);
    });

  it('names the unsupported thing and its line', () => {
    expect(detail('one\n\n{{ a|shout }}')).to.equal("line 3: the filter 'shout' is not supported");
    expect(detail('{% include "x" %}')).to.equal(
      "line 1: the tag 'include' is not supported: it loads another template",
    );
  });

  it('holds the limits it is given', () => {
    const row = { list: [1, 2, 3, 4, 5] };
    expect(outcome('{% for x in list %}{{ x }}{% endfor %}', { row }, { maxSteps: 10 })).to.equal(
      'refused: template_budget',
    );
    expect(outcome('abcdef', {}, { maxOutputChars: 5 })).to.equal('refused: template_budget');
    expect(outcome('abcde', {}, { maxOutputChars: 5 })).to.equal('abcde');
    expect(outcome("{{ 'abc' ~ 'def' }}", {}, { maxValueChars: 5 })).to.equal('refused: template_budget');
  });

  it('refuses an escaped text as a format', () => {
    expect(outcome("{{ ['<']|tojson }}")).to.equal('["\\u003c"]');
    expect(outcome("{{ ('%s'|e) % 1 }}")).to.equal('refused: template_unsupported');
    expect(outcome("{{ ('{}'|e).format(1) }}")).to.equal('refused: template_unsupported');
  });
});
