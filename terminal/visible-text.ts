// Text from elsewhere (AWS, rows, the other side) made safe to show: nothing it holds may move the cursor, colour, retitle or reorder the
// terminal. What cannot be seen is shown by its code point; how much room the rest takes is measured here as well.

// C0 and C1 controls, DEL, line and paragraph separators, bidirectional controls, zero-width and other invisible format characters, lone surrogates.
const invisible = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu;
const named: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t', '\u001B': '\\e' };

/** One line of text in which every character can be seen. */
export function visible(text: string): string {
  return text.replace(invisible, (char) => named[char] ?? `\\u{${(char.codePointAt(0) ?? 0).toString(16)}}`);
}

/** Like `visible`, but line feeds stay: for a message of several lines. */
export function visibleLines(text: string): string {
  return text.split('\n').map(visible).join('\n');
}

/** The same JSON value, with what a terminal could act on written as `\uXXXX`. */
export function jsonForTerminal(json: string): string {
  return json.replace(invisible, (char) =>
    [...Array(char.length).keys()].map((at) => `\\u${char.charCodeAt(at).toString(16).padStart(4, '0')}`).join(''),
  );
}

const zeroWidth = /^[\p{Mn}\p{Me}]$/u;
// East Asian wide and fullwidth blocks, and emoji that terminals draw in two cells.
const wide =
  /^[\u1100-\u115F\u2E80-\u303E\u3041-\uA4CF\uA960-\uA97F\uAC00-\uD7A3\uF900-\uFAFF\uFE30-\uFE6F\uFF00-\uFF60\uFFE0-\uFFE6\u{1F300}-\u{1F64F}\u{1F680}-\u{1F6FF}\u{1F900}-\u{1F9FF}\u{20000}-\u{3FFFD}]$/u;

function charWidth(char: string): number {
  if (char.length === 1 && char < '\u0300') return 1;
  if (zeroWidth.test(char)) return 0;
  return wide.test(char) ? 2 : 1;
}

/** Cells of a terminal that visible text takes. */
export function displayWidth(text: string): number {
  let width = 0;
  for (const char of text) width += charWidth(char);
  return width;
}

/** Cuts visible text to `width` cells; what was cut is marked with `…`. */
export function cut(text: string, width: number): string {
  if (text.length <= width && displayWidth(text) <= width) return text;
  if (width < 1) return '';
  let kept = '';
  let used = 0;
  for (const char of text) {
    const next = used + charWidth(char);
    if (next > width) return trimTo(kept, width);
    kept += char;
    used = next;
  }
  return kept;
}

function trimTo(kept: string, width: number): string {
  const chars = Array.from(kept);
  while (displayWidth(chars.join('')) > width - 1) chars.pop();
  return `${chars.join('')}…`;
}

export function padded(text: string, width: number): string {
  return text + ' '.repeat(Math.max(0, width - displayWidth(text)));
}
