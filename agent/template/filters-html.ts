// Filters that make or take apart HTML, each equal to Jinja2 3.1's of the same name.
import type { Callable } from './callable.ts';
import { splitSpace } from './code-points.ts';
import { truthy } from './compare.ts';
import { escapeHtml, escaped, isMarkup } from './escaped-text.ts';
import { fail, halt, isObject, isUndefined, markup, need, type Value, typeName } from './value.ts';
import type { Work } from './work.ts';

type Rows = Readonly<Record<string, readonly [string, number, Callable<Value>['run']]>>;

/** Removes everything from a mark to the next end mark, as often as there is one; what a removal joins can be a mark again. */
function without(source: string, start: string, end: string, work: Work): string {
  let text = source;
  let kept = '';
  let at = 0;
  for (;;) {
    const from = text.indexOf(start, at);
    const to = from < 0 ? -1 : text.indexOf(end, from);
    if (to < 0) return kept + text.slice(at);
    work.step(1);
    kept += text.slice(at, from);
    at = to + end.length;
    const open = kept.slice(1 - start.length || kept.length).lastIndexOf(start.slice(0, 1));
    if (open >= 0) {
      work.chars(text.length - at);
      const cut = Math.max(kept.length - start.length + 1, 0);
      text = kept.slice(cut) + text.slice(at);
      kept = kept.slice(0, cut);
      at = 0;
    }
  }
}

// The entities that occur in mail and tickets. HTML has 2,231 of them; any other name is refused.
const entities = new Map(Object.entries({ amp: '&', lt: '<', gt: '>', quot: '"', apos: "'", nbsp: '\u00a0' }));

function unescape(text: string): string {
  return text.replace(/&(?:#(\d+|[xX][\da-fA-F]+)(;?)|([^\t\n\f <&#;]{1,32})(;?))/g, (all, code, end, name) => {
    const known = typeof name === 'string' && all.endsWith(';') ? entities.get(name) : undefined;
    if (known !== undefined) return known;
    if (typeof code !== 'string') return halt('template_unsupported', `the HTML entity '${all.slice(0, 40)}'`);
    const point = Number(/^[xX]/.test(code) ? `0${code}` : code);
    const plain = (point >= 0x20 && point <= 0x7e) || (point >= 0xa0 && point <= 0xd7ff);
    if (!plain || end === '') return halt('template_unsupported', `the HTML entity '${all.slice(0, 40)}'`);
    return String.fromCodePoint(point);
  });
}

function stripTags(value: Value, work: Work): string {
  const text = work.text(value);
  work.chars(text.length * 2);
  const bare = without(without(text, '<!--', '-->', work), '<', '>', work);
  return unescape(splitSpace(bare, -1, false).join(' '));
}

function attributes(value: Value, work: Work): string {
  const known = need(value);
  if (!isObject(known) || known.kind !== 'dict') return fail(`'${typeName(known)}' object has no attribute 'items'`);
  const grow = work.growing();
  const parts: string[] = [];
  for (const [key, member] of known.entries.values()) {
    if (member === null || isUndefined(member)) continue;
    if (typeof key !== 'string') return fail('an attribute name must be a text');
    if (/[\s/>=]/.test(key)) return fail('an attribute name has a character that is not allowed');
    const part = `${escapeHtml(key, work)}="${escaped(member, work)}"`;
    grow(part.length + 1);
    parts.push(part);
  }
  return parts.join(' ');
}

export const htmlFilters: Rows = {
  escape: ['', 0, (value, _args, { work }) => (isMarkup(value) ? value : markup(escaped(value, work)))],
  forceescape: ['', 0, (value, _args, { work }) => markup(escapeHtml(work.text(value), work))],
  safe: ['', 0, (value, _args, { work }) => markup(work.text(value))],
  striptags: ['', 0, (value, _args, { work }) => stripTags(value, work)],
  xmlattr: [
    'autospace',
    0,
    (value, [space = true], { work }) => {
      const text = attributes(value, work);
      return truthy(space) && text !== '' ? ` ${text}` : text;
    },
  ],
};
