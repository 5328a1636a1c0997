// str.format for plain fields ({}, {0}, {name}); conversions, format specifications and members of fields are refused by name.
import type { Given } from './callable.ts';
import { fail, halt, need, type Value } from './value.ts';
import type { Work } from './work.ts';

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
  const field = (name: string): Value | undefined => {
    if (/[:!.[]/.test(name)) halt('template_unsupported', `the format field {${name.slice(0, 40)}}`);
    if (name === '') numbering('counted');
    else if (/^\d+$/.test(name)) numbering('numbered');
    else return given.named.get(name);
    next += 1;
    return given.positional[name === '' ? next - 1 : Number(name)];
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
        const value = field(template.slice(at + 1, end));
        if (value === undefined) return fail('a field of the format is not given');
        piece = work.text(need(value));
        at = end;
      }
    }
    grow(piece.length);
    result += piece;
  }
  return result;
}
