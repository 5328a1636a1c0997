// Python's view of a text: a sequence of code points, with Python's own idea of white space, line ends and letter case.

const surrogate = /[\ud800-\udfff]/;

export function codePoints(text: string): readonly string[] {
  return surrogate.test(text) ? Array.from(text) : text.split('');
}

export function lengthOf(text: string): number {
  return surrogate.test(text) ? Array.from(text).length : text.length;
}

/** str.isspace of one code point. */
export function isSpace(char: string): boolean {
  return (
    (char >= '\t' && char <= '\r') ||
    (char >= '\x1c' && char <= ' ') ||
    char === '\x85' ||
    (char !== '\ufeff' && char.length === 1 && char > '~' && char.trim() === '')
  );
}

/** str.strip: characters of `chars`, or white space, are removed from the ends named. */
export function strip(text: string, chars: string | null, ends: { left: boolean; right: boolean }): string {
  const points = codePoints(text);
  const set = chars === null ? null : new Set(codePoints(chars));
  const drop = (char: string | undefined): boolean =>
    char !== undefined && (set === null ? isSpace(char) : set.has(char));
  let start = 0;
  let end = points.length;
  if (ends.left) while (start < end && drop(points[start])) start += 1;
  if (ends.right) while (end > start && drop(points[end - 1])) end -= 1;
  return points.slice(start, end).join('');
}

// Python's line ends besides \r\n: also the separators U+001C to U+001E, NEL and the two of Unicode.
const lineEnds = new Set(['\n', '\v', '\f', '\r', '\x1c', '\x1d', '\x1e', '\x85', '\u2028', '\u2029']);

/** str.splitlines. */
export function splitLines(text: string, keepEnds = false): string[] {
  const lines: string[] = [];
  let start = 0;
  for (let at = 0; at < text.length; at += 1) {
    if (!lineEnds.has(text[at] ?? '')) continue;
    const end = at;
    if (text[at] === '\r' && text[at + 1] === '\n') at += 1;
    lines.push(text.slice(start, keepEnds ? at + 1 : end));
    start = at + 1;
  }
  if (start < text.length) lines.push(text.slice(start));
  return lines;
}

/** str.split() and str.rsplit() without a separator. */
export function splitSpace(text: string, max: number, fromRight: boolean): string[] {
  const points = codePoints(text);
  const words: string[] = [];
  let rest = fromRight ? points.toReversed() : [...points];
  const word = (chars: readonly string[]): string => (fromRight ? chars.toReversed() : chars).join('');
  let at = 0;
  for (;;) {
    while (at < rest.length && isSpace(rest[at] ?? '')) at += 1;
    if (at >= rest.length) break;
    if (max >= 0 && words.length >= max) {
      let end = rest.length;
      while (end > at && isSpace(rest[end - 1] ?? '')) end -= 1;
      // The last piece keeps its inner end as it is: only the side that was walked is trimmed by Python.
      words.push(word(rest.slice(at)));
      break;
    }
    let end = at;
    while (end < rest.length && !isSpace(rest[end] ?? '')) end += 1;
    words.push(word(rest.slice(at, end)));
    at = end;
  }
  return fromRight ? words.toReversed() : words;
}

/** str.split(sep, max) and str.rsplit(sep, max); `separator` is not empty. From the right it matters when the separator overlaps itself. */
export function splitBy(text: string, separator: string, max: number, fromRight: boolean): string[] {
  const pieces = fromRight ? splitFromRight(text, separator) : text.split(separator);
  if (max < 0 || pieces.length <= max + 1) return pieces;
  if (!fromRight) return [...pieces.slice(0, max), pieces.slice(max).join(separator)];
  const cut = pieces.length - max;
  return [pieces.slice(0, cut).join(separator), ...pieces.slice(cut)];
}

function splitFromRight(text: string, separator: string): string[] {
  if (separator.length === 1) return text.split(separator);
  const pieces: string[] = [];
  let end = text.length;
  for (
    let at = text.lastIndexOf(separator);
    at >= 0;
    at = end < separator.length ? -1 : text.lastIndexOf(separator, end - separator.length)
  ) {
    pieces.push(text.slice(at + separator.length, end));
    end = at;
  }
  pieces.push(text.slice(0, end));
  return pieces.toReversed();
}

/** Compares by code points, as Python does; JavaScript compares UTF-16 units. */
export function compareText(left: string, right: string): number {
  if (left === right) return 0;
  if (!surrogate.test(left) && !surrogate.test(right)) return left < right ? -1 : 1;
  const [a, b] = [Array.from(left), Array.from(right)];
  for (let index = 0; index < a.length && index < b.length; index += 1) {
    const difference = (a[index]?.codePointAt(0) ?? 0) - (b[index]?.codePointAt(0) ?? 0);
    if (difference !== 0) return difference < 0 ? -1 : 1;
  }
  return a.length < b.length ? -1 : 1;
}

// The letters that have a title case of their own (dz, lj, nj and dž), by their upper case.
const titleCase = new Map([
  ['\u01c4', '\u01c5'],
  ['\u01c7', '\u01c8'],
  ['\u01ca', '\u01cb'],
  ['\u01f1', '\u01f2'],
]);

function titleChar(char: string): string {
  const [first = '', ...rest] = Array.from(char.toUpperCase());
  return titleCase.get(first) ?? first + rest.join('').toLowerCase();
}

/** str.capitalize. */
export function capitalize(text: string): string {
  const [first = '', ...rest] = codePoints(text);
  return titleChar(first) + rest.join('').toLowerCase();
}

/** str.title: every run of cased characters starts with a capital. */
export function titleWords(text: string): string {
  let inside = false;
  let result = '';
  for (const char of codePoints(text)) {
    const cased = isCased(char);
    result += inside ? char.toLowerCase() : cased ? titleChar(char) : char;
    inside = cased;
  }
  return result;
}

export function isCased(char: string): boolean {
  return /[\p{Lu}\p{Ll}\p{Lt}]|\p{Uppercase}|\p{Lowercase}/u.test(char);
}
