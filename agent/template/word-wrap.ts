// The filter `wordwrap`: Python's textwrap with the settings that Jinja2 gives it.
import { codePoints, lengthOf, splitLines } from './code-points.ts';
import { fail } from './value.ts';
import type { Work } from './work.ts';

export interface Wrapping {
  readonly width: number;
  readonly breakLongWords: boolean;
  readonly breakOnHyphens: boolean;
}

const space = '[\\t\\n\\v\\f\\r ]';
const letter = '[\\p{L}\\p{M}_]';
const inWord = `[\\p{L}\\p{M}\\p{N}_!"'&.,?]`;
const word = '[\\p{L}\\p{M}\\p{N}_]';
const simple = new RegExp(`(${space}+)`, 'u');
// textwrap's wordsep_re: white space, a dash between words, a word up to a hyphen between letters, its end, or a dash.
const hyphened = new RegExp(
  `(${space}+|(?<=${inWord})-{2,}(?=${word})|[^\\t\\n\\v\\f\\r ]+?(?:-(?:(?<=${letter}{2}-)|(?<=${letter}-${letter}-))(?=${letter}-?${letter})` +
    `|(?=${space}|$)|(?<=${inWord})(?=-{2,}${word})))`,
  'u',
);
const isBlank = (chunk: string): boolean => chunk.trim() === '';

/** The part of a long word that fits into what is left of a line. */
function fitting(chunk: string, left: number, { breakOnHyphens }: Wrapping, work: Work): [string, string] {
  work.chars(chunk.length);
  const points = codePoints(chunk);
  let end = left;
  const hyphen = breakOnHyphens && points.length > left ? points.slice(0, left).lastIndexOf('-') : -1;
  if (hyphen > 0 && points.slice(0, hyphen).some((char) => char !== '-')) end = hyphen + 1;
  return [points.slice(0, end).join(''), points.slice(end).join('')];
}

function wrapLine(text: string, how: Wrapping, work: Work): string[] {
  const chunks = text.split(how.breakOnHyphens ? hyphened : simple).filter((chunk) => chunk !== '');
  work.step(chunks.length);
  chunks.reverse();
  const lines: string[] = [];
  while (chunks.length > 0) {
    work.step(1);
    const line: string[] = [];
    let used = 0;
    if (lines.length > 0 && isBlank(chunks.at(-1) ?? '')) chunks.pop();
    for (let next = chunks.at(-1); next !== undefined && used + lengthOf(next) <= how.width; next = chunks.at(-1)) {
      used += lengthOf(next);
      line.push(next);
      chunks.pop();
    }
    const long = chunks.at(-1);
    if (long !== undefined && lengthOf(long) > how.width) {
      if (how.breakLongWords) {
        const [head, tail] = fitting(long, how.width - used, how, work);
        line.push(head);
        chunks[chunks.length - 1] = tail;
      } else if (line.length === 0) {
        line.push(long);
        chunks.pop();
      }
    }
    if (line.length > 0 && isBlank(line.at(-1) ?? '')) line.pop();
    if (line.length > 0) lines.push(line.join(''));
  }
  return lines;
}

/** Every line of a text wrapped by itself; `between` joins the lines of the result. */
export function wordWrap(text: string, how: Wrapping, between: string, work: Work): string {
  work.chars(text.length);
  const lines = splitLines(text).map((line) => {
    if (how.width <= 0 && line !== '') fail(`invalid width ${how.width} (must be > 0)`);
    return wrapLine(line, how, work);
  });
  const count = lines.reduce((sum, { length }) => sum + Math.max(length, 1), 0);
  work.chars(text.length + count * between.length);
  return lines.map((wrapped) => wrapped.join(between)).join(between);
}
