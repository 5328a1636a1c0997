// Makes templates and rows at random over the supported language. Expressions know their type, so that most of them render; some are given
// an operand of another type on purpose, because failures must agree as well.
import * as fc from 'fast-check';
import type { Case } from './jinja2.ts';

type Text = fc.Arbitrary<string>;
type Kind = 'int' | 'float' | 'text' | 'ints' | 'texts' | 'dict' | 'flag';

/** A pattern with a place for each operand: `$int` is an integer expression, `$any` one of any type. */
const patterns: Readonly<Record<Kind, readonly string[]>> = {
  int: [
    'i',
    'j',
    'big',
    '0',
    '7',
    '12345678901234567890',
    '($int + $int)',
    '($int - $int)',
    '$int * $int',
    '($int // $int)',
    '($int % $int)',
    '-$int',
    '$text|length',
    '$ints|length',
    '$text|int',
    '$text|int(base=16)',
    '$float|int',
    '$ints|sum',
    '$ints|max',
    '$ints|first',
    '$ints[0]',
    '$ints[-1]',
    '$text.find($text)',
    '$text.count($text)',
    '$texts|length',
    '$dict|length',
    '($int if $flag else $int)',
    '$int|abs',
    '$text|wordcount',
    '$ints.index($int)',
    '$dict.a',
    "$dict['a']",
    "$dict.get('q', $int)",
    '$int ** 2',
    "users|map(attribute='Age')|sum",
    '($int).bit_length()',
  ],
  float: [
    'f',
    '2.5',
    '-0.0',
    '1e-7',
    '($int / $int)',
    '($float + $float)',
    '($float * $int)',
    '$float // $float',
    '$float % 3',
    '$text|float',
    '$float|round',
    '$float|round(2)',
    "$float|round(1, 'floor')",
    "$float|round(1, 'ceil')",
    '$float|abs',
    '($float - $int)',
    '$int|float',
  ],
  text: [
    's',
    't',
    "'a'",
    "''",
    "'<B c>'",
    "'x-y z'",
    '$text ~ $any',
    '($text + $text)',
    '$text|upper',
    '$text|lower',
    '$text|title',
    '$text|capitalize',
    '$text|trim',
    "$text|replace('a', $text)",
    '$text|truncate(5)',
    "$text|truncate(4, true, '~', 1)",
    '$text|center(8)',
    '$text|indent(2)',
    '$text|e',
    '$text|urlencode',
    '$text|reverse',
    '$text|striptags',
    '$text|wordwrap(5)',
    '$text|default($any)',
    '$text[0]',
    '$text[1:]',
    '$text[::-1]',
    '$text[-3:-1]',
    '$text * 2',
    '$text.upper()',
    '$text.strip()',
    '$text.title()',
    '$text.swapcase()',
    '$text.zfill(5)',
    "$text.ljust(6, '.')",
    "$text.replace('a', 'bb', 1)",
    "$text.partition('a')[2]",
    '$texts|join',
    "$texts|join(', ')",
    "'-'.join($texts)",
    '$ints|join($text)',
    '$any|string',
    '$any|tojson',
    "'%s' % ($any,)",
    "'%5.2f|%d' % ($float, $int)",
    "'%g %e' % ($float, $float)",
    "'%x' % $int",
    "'{}-{:>4}'.format($any, $text)",
    "'{:.3f}'.format($float)",
    "'{:,}'.format($int)",
    '$int|filesizeformat',
    "($text if $flag else 'no')",
    '$texts|first',
    '$texts|last',
    '$text|first',
    "users|map(attribute='UserName')|join('/')",
    'users[0].UserName',
    '$dict|xmlattr',
  ],
  ints: [
    'l',
    '[]',
    '[1, 2, 3]',
    '[$int, $int]',
    'range(4)|list',
    '$ints|sort',
    '$ints|sort(reverse=true)',
    '$ints|reverse|list',
    '$ints|unique|list',
    '$ints + $ints',
    '$ints[1:]',
    '$ints[::-1]',
    "$ints|select('odd')|list",
    "$ints|reject('gt', 2)|list",
    "$texts|map('length')|list",
    '$ints * 2',
    '($ints, $ints)|sum(start=[]) if false else $ints',
  ],
  texts: [
    'm',
    "['b', 'A', 'b']",
    '[$text, $text]',
    '$text.split()',
    "$text.split('a')",
    '$text.splitlines()',
    '$texts|sort',
    '$texts|unique|list',
    "$texts|map('upper')|list",
    '$text|list',
    "$ints|map('string')|list",
    "$texts|select('in', $text)|list",
    '$texts[:2]',
    '$dict|list',
    '$dict.keys()|list',
    "users|map(attribute='UserName')|list",
    "users|selectattr('Age', 'gt', $int)|map(attribute='UserName')|list",
    "users|groupby('Path')|map('first')|list",
    '$texts|batch(2)|first',
    '$texts|slice(2)|first',
  ],
  dict: ['d', "{'a': $int, 'b': $any}", 'dict(a=$int)', 'dict(d, c=$any)', '$dict.copy()', "{'a': 1}"],
  flag: [
    'b',
    'true',
    '$int > $int',
    '$int <= $float',
    '$text < $text',
    '$any == $any',
    '($flag and $flag)',
    '($flag or $flag)',
    'not $flag',
    '$text in $text',
    '$int in $ints',
    "'a' in $dict",
    '$int is odd',
    '$int is divisibleby 3',
    '$any is string',
    '$any is mapping',
    '$any is iterable',
    '$text is lower',
    '$any is none',
    'nope is defined',
    '$text.startswith($text)',
    '$text.isalpha()',
    '$text.isupper()',
    '$ints is sequence',
    '1 < $int <= 9',
  ],
};
const kinds: readonly Kind[] = ['int', 'float', 'text', 'ints', 'texts', 'dict', 'flag'];

/** The parts of a pattern between its operands, and the kinds of those. */
function parts(pattern: string): { texts: readonly string[]; operands: readonly string[] } {
  const operands = [...pattern.matchAll(/\$([a-z]+)/g)].map(([, kind = '']) => kind);
  return { texts: pattern.split(/\$[a-z]+/), operands };
}

// A filter binds to its whole operand, so an operand that is more than a word stands in parentheses.
const operand = (text: string): string => (/^[\w.]+$/.test(text) ? text : `(${text})`);

function filled(pattern: string, expression: (kind: Kind) => Text): Text {
  const { texts, operands } = parts(pattern);
  const any = fc.oneof(...kinds.map(expression), fc.constantFrom('z', 'none'));
  // One operand in thirty has another type than the pattern wants.
  const one = (kind: string): Text =>
    kind === 'any' ? any : fc.oneof({ weight: 29, arbitrary: expression(kind as Kind) }, { weight: 1, arbitrary: any });
  return fc
    .tuple(...operands.map(one))
    .map((values) =>
      texts.map((text, index) => text + (index < values.length ? operand(values[index] ?? '') : '')).join(''),
    );
}

const { expressions } = fc.letrec<{ expressions: string } & Record<Kind, string>>((tie) => ({
  ...(Object.fromEntries(
    kinds.map((kind) => {
      const [leaves, branches] = [
        patterns[kind].filter((one) => !one.includes('$')),
        patterns[kind].filter((one) => one.includes('$')),
      ];
      const grown = branches.map((pattern) => filled(pattern, (other) => tie(other)));
      return [
        kind,
        fc.oneof({ depthSize: 'small', withCrossShrink: true }, fc.constantFrom(...leaves), ...grown),
      ] as const;
    }),
  ) as Record<Kind, Text>),
  expressions: fc.oneof(...kinds.map((kind) => tie(kind))),
}));

const one = expressions;
const statementForms: readonly ((a: string, b: string, body: string) => string)[] = [
  (a) => `{{ ${a} }}`,
  (a, b) => `{{ ${a} }} {{ ${b} }}`,
  (a, b) => `{{ ${a}, ${b} }}`,
  (a, b, body) => `{% if ${a} %}${body}{% elif ${b} %}b{% else %}c{% endif %}`,
  (a, _b, body) => `{% for x in ${a} %}{{ loop.index }}{{ x }}${body}{% else %}none{% endfor %}`,
  (a, b) => `{% for x in ${a} if ${b} %}{{ x }}{{ loop.last }}{{ loop.cycle('p', 'q') }}{% endfor %}`,
  (a) => `{% for k, v in d|dictsort %}{{ k }}={{ v }}{{ ${a} }}{% endfor %}`,
  (a, b, body) => `{% set i = ${a} %}{{ i }}{% set s %}${body}{% endset %}{{ s }}{{ ${b} }}`,
  (a, b) => `{% with i = ${a}, s = ${b} %}{{ i }}{{ s }}{% endwith %}{{ i }}`,
  (a, _b, body) => `{% filter upper|trim %} ${body}{{ ${a} }} {% endfilter %}`,
  (a, b) => `{% macro m(i, s=${b}) %}{{ i }}{{ s }}{% endmacro %}{{ m(${a}) }}{{ m(1, 2) }}`,
  (a, _b, body) => `{% macro m(q) %}<{{ caller(q) }}>{% endmacro %}{% call(i) m(${a}) %}{{ i }}${body}{% endcall %}`,
  (a, b) => `{% set ns = namespace(v=${b}) %}{% for x in ${a} %}{% set ns.v = x %}{% endfor %}{{ ns.v }}`,
  (a, _b, body) => ` x {%- if ${a} -%} y ${body} {%- endif -%} z {# c #}`,
];

const statements: Text = fc.letrec<{ statement: string }>((tie) => ({
  statement: fc.oneof(
    { depthSize: 'xsmall', withCrossShrink: true },
    one.map((a) => `{{ ${a} }}`),
    fc
      .tuple(fc.constantFrom(...statementForms), one, one, tie('statement'))
      .map(([form, a, b, body]) => form(a, b, body)),
  ),
})).statement;

const words = fc.array(
  fc.constantFrom('a', 'B', 'cde', ' ', '-', '<', '&', 'é', '😀', '\n', "'", '"', '7', '.', '  ', 'ß'),
  {
    maxLength: 6,
  },
);
const text = words.map((all) => JSON.stringify(all.join('')));
const int = fc.oneof(fc.integer({ min: -9, max: 30 }).map(String), fc.constantFrom('9007199254740993', '-1', '0'));
const float = fc.constantFrom('0.5', '2.5', '-1.25', '1e3', '0.1', '1e-7', '123456789.125', '2.675', '1e16', '3.0');
const array = (member: Text, maxLength: number): Text =>
  fc.array(member, { maxLength }).map((all) => `[${all.join(', ')}]`);
const user = fc
  .tuple(text, int, fc.constantFrom('"/"', '"/team/"', '"/Team/"'))
  .map(([name, age, path]) => `{"UserName": ${name}, "Age": ${age}, "Path": ${path}}`);

const row: Text = fc
  .tuple(int, int, float, text, text, array(int, 5), array(text, 4), fc.boolean(), int, text, array(user, 3))
  .map(
    ([i, j, f, s, t, l, m, b, a, c, users]) =>
      `{"i": ${i}, "j": ${j}, "big": 123456789012345678901234567890, "f": ${f}, "s": ${s}, "t": ${t}, "l": ${l}, "m": ${m}, ` +
      `"b": ${b}, "z": null, "d": {"a": ${a}, "b": ${c}}, "users": ${users}}`,
  );

/** A template over the supported language and a row for it. */
export const cases: fc.Arbitrary<Case> = fc.record({ template: statements, row });
