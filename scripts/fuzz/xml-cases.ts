// Answers for the fuzzer: valid ones of any operation, mutations of them, and documents made to hurt a reader of XML. `planted` stands in every
// text of a valid answer, so that a message which quotes the document gives itself away.
import type { Shape } from '../../agent/iam/schema.ts';
import type { Random } from './random.ts';

export const planted = 'PLANTED-SECRET';

const times = [
  '2021-06-09T04:17:00Z',
  '2021-06-09T04:17:00.284521+05:30',
  '1623212220.5',
  'Wed, 09 Jun 2021 14:16:51 GMT',
  '',
];
const policies = ['%7B%22a%22%3A1%7D', '{"a":"%zz%ff"}', `%7B${planted}`, '[[[[]]]]', '%'];

/** The inside of an element that the shape describes. */
export function validXml(random: Random, shape: Shape, depth = 0): string {
  switch (shape.kind) {
    case 'structure':
      return [...shape.members.values()]
        .map(({ wireName, shape: inner }) => `<${wireName}>${validXml(random, inner(), depth + 1)}</${wireName}>`)
        .join('');
    case 'list': {
      const count = depth > 4 ? 1 : random.integer(4);
      return Array.from({ length: count }, () => `<member>${validXml(random, shape.item(), depth + 1)}</member>`).join(
        '',
      );
    }
    case 'map':
      return `<entry><key>${planted}</key><value>${validXml(random, shape.value(), depth + 1)}</value></entry>`;
    case 'boolean':
      return random.pick(['true', 'false', '1']);
    case 'integer':
      return random.pick(['0', '-7', '9007199254740993', '9'.repeat(random.integer(400) + 1)]);
    case 'timestamp':
      return random.pick(times);
    case 'blob':
      return random.pick(['dXNlcg==', '//79', '', 'A']);
    case 'text':
      return random.pick([planted, `&#x1F600;${planted}`, `<![CDATA[${planted}<]]>`, ...policies]);
    default:
      return shape satisfies never;
  }
}

const tokens = [
  '<',
  '>',
  '/>',
  '</',
  '&',
  ';',
  '&#',
  '&#x',
  '&#x110000;',
  '&#xD800;',
  '&amp;',
  '&lt;',
  '&nope;',
  '<!',
  '<!--',
  '-->',
  '--',
  '<![CDATA[',
  ']]>',
  '<!DOCTYPE a [<!ENTITY b "c">]>',
  '<!ENTITY a SYSTEM "file:///etc/passwd">',
  '<?xml version="1.0"?>',
  '<?',
  '?>',
  '="',
  "='",
  '"',
  "'",
  ' a="1"',
  'xmlns:',
  ':',
  '\u0000',
  '\u0001',
  '\ufffe',
  '\ufeff',
  '\ud800',
  '\u{1f600}',
  '\r',
  '\r\n',
  '%',
  '%41',
  '%ff',
  '__proto__',
  'constructor',
  'toString',
  '<__proto__>',
  '</__proto__>',
  '<member>',
  '</member>',
  '<entry>',
  '<key>',
  '9'.repeat(40),
  '1e999',
  '-',
  '+',
  '_',
  ' ',
  '\t',
] as const;

/** One to a few small changes anywhere. */
export function mutated(random: Random, source: string, other: string): string {
  let text = source;
  for (let left = random.integer(4) + 1; left > 0; left -= 1) {
    const at = random.integer(text.length + 1);
    const end = Math.min(text.length, at + random.integer(60));
    const part = text.slice(at, end);
    const start = text.slice(0, at);
    switch (random.integer(8)) {
      case 0:
        text = start + random.pick(tokens) + text.slice(at);
        break;
      case 1:
        text = start + random.pick(tokens) + text.slice(end);
        break;
      case 2:
        text = start + text.slice(end);
        break;
      case 3:
        text = start + part + text.slice(at);
        break;
      case 4:
        text = start + part.repeat(random.integer(200)) + text.slice(end);
        break;
      case 5:
        text = start;
        break;
      case 6:
        text = start + other.slice(random.integer(other.length + 1));
        break;
      default:
        text = start + String.fromCodePoint(random.integer(0xd800)) + text.slice(at);
    }
    if (text.length > 200_000) text = text.slice(0, 200_000);
  }
  return text;
}

const units = [
  '&',
  '&amp;',
  '&#x41;',
  '&a',
  '<',
  '<a>',
  '<a ',
  '<a/>',
  '</a>',
  '<!--',
  '<!-- -->',
  '<!-',
  '<![CDATA[',
  '<![CDATA[]]>',
  ']]>',
  ']',
  '<?',
  '<?p?>',
  ' a="1"',
  ' b',
  '=',
  '"',
  ' ',
  '\n',
  '\r',
  'x',
  'x:',
  '-',
  '%',
  '%41',
  '%ff',
  '%zz',
  '9',
  '0',
  '9_',
  '%20',
  '.',
  '_1',
  '[',
  '{"a":',
  '"',
  '\\',
  'A',
  '=',
  '\u{1f600}',
  'é',
  '2021-',
  'T00:00',
  '<member></member>',
  '<entry><key>a</key><value>1</value></entry>',
  '<a b="1"/>',
  '<Error><Code>',
] as const;

/** The same unit very often (`largest`: at the most so many characters), inside a document that would be valid without it. */
export function hostile(random: Random, source: string, largest: number): string {
  const unit = random.pick(units);
  const size = random.pick([100, 10_000, 300_000, largest]);
  const many = unit.repeat(Math.max(1, Math.floor(size / unit.length)));
  const at = source.indexOf('>', random.integer(source.length)) + 1;
  const place = random.pick(['inside', 'alone', 'attribute', 'name', 'twice']);
  if (place === 'alone') return many;
  if (place === 'attribute') return `<a b="${many}"/>`;
  if (place === 'name') return `<a${many}/>`;
  if (place === 'twice') return source.slice(0, at) + many + random.pick(tokens) + many + source.slice(at);
  return source.slice(0, at) + many + source.slice(at);
}
