// str.format: fields {}, {0}, {name}, {name[key]}, {!r} and specifications. Attributes of fields are refused: they reach into Python objects.
import { formatValue } from './format-spec.ts';
import { item } from './members.ts';
import { repr } from './printing.ts';
import { fail, type Given, halt, need, type Value } from './value.ts';
import type { Work } from './work.ts';

const shape = /^([^!:[\]]*)((?:\[[^\]]+\])*)(?:!([^:]*))?(?::([^]*))?$/;

/** template.format(*positional, **named). */
export function bracesFormat(template: string, given: Given, work: Work): string {
  const grow = work.growing();
  let result = '';
  let next = 0;
  let form: 'counted' | 'numbered' | null = null;
  const numbering = (wanted: 'counted' | 'numbered'): void => {
    if (form !== null && form !== wanted) fail('cannot switch between {} and {0}');
    form = wanted;
  };
  const named = (name: string): Value | undefined => {
    if (name.includes('.')) halt('template_unsupported', `the format field {${name.slice(0, 40)}}`);
    if (name === '') numbering('counted');
    else if (/^\d+$/.test(name)) numbering('numbered');
    else return given.named.get(name);
    next += 1;
    return given.positional[name === '' ? next - 1 : Number(name)];
  };
  const field = (source: string): string => {
    if (source.includes('{')) halt('template_unsupported', 'a format field in a format field');
    const [, name, keys = '', conversion, spec = ''] = shape.exec(source) ?? [];
    if (name === undefined) return fail('a format field has a wrong form');
    let value = named(name);
    if (value === undefined) return fail('a field of the format is not given');
    for (const [, key = ''] of keys.matchAll(/\[([^\]]+)\]/g))
      value = need(item(value, /^\d+$/.test(key) ? BigInt(key.slice(0, 20)) : key, work));
    if (conversion === undefined) return formatValue(value, spec, work);
    if (conversion === 'a') halt('template_unsupported', 'the conversion !a of a format');
    if (conversion !== 'r' && conversion !== 's') return fail('unknown conversion of a format');
    const known = need(value);
    return formatValue(conversion === 'r' ? repr(known, work.growing()) : work.text(known), spec, work);
  };
  for (let at = 0; at < template.length; at += 1) {
    const char = template[at] ?? '';
    let piece = char;
    if (char === '{' || char === '}') {
      if (template[at + 1] === char) at += 1;
      else if (char === '}') fail("single '}' in a format");
      else {
        const end = template.indexOf('}', at);
        if (end < 0) fail("expected '}' before the end of a format");
        piece = field(template.slice(at + 1, end));
        at = end;
      }
    }
    grow(piece.length);
    result += piece;
  }
  return result;
}
