// Texts that Jinja2 marks as escaped (Markup of markupsafe): what is joined to one is escaped first, and what is cut from one stays one.
import { textOf } from './compare.ts';
import { isObject, markup, type Value } from './value.ts';
import type { Work } from './work.ts';

const htmlEscapes: Readonly<Record<string, string>> = {
  __proto__: null as never,
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  "'": '&#39;',
  '"': '&#34;',
};

export function escapeHtml(text: string, work: Work): string {
  work.chars(text.length * 2);
  const result = text.replace(/[&<>'"]/g, (char) => htmlEscapes[char] ?? char);
  work.chars(result.length);
  return result;
}

export function isMarkup(value: Value): boolean {
  return isObject(value) && value.kind === 'markup';
}

/** The text of escape(value): an escaped text is left as it is. */
export function escaped(value: Value, work: Work): string {
  return isMarkup(value) ? (textOf(value) ?? '') : escapeHtml(work.text(value), work);
}

/** Changes the text of any value (soft_str); an escaped text stays one. */
export function changed(value: Value, work: Work, change: (text: string) => string): Value {
  const text = work.text(value);
  work.chars(text.length);
  const result = change(text);
  return isMarkup(value) ? markup(result) : result;
}
