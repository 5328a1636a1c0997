// What the demo prints: numbered steps, the commands as one can type them, what the programs said, what was checked. Colours only on a
// terminal; nothing here decides anything.
import type { WriteStream } from 'node:tty';

type Out = Pick<WriteStream, 'write'> & { readonly isTTY?: boolean };

const styles = { bold: '1', faint: '2', command: '36', good: '32', bad: '31' } as const;
const wrapAt = 104;

export class Say {
  #step = 0;
  #lastProgram = '';
  readonly #out: Out;
  readonly #colour: boolean;

  constructor(out: Out, env: Readonly<Record<string, string | undefined>>) {
    this.#out = out;
    this.#colour = out.isTTY === true && (env.NO_COLOR ?? '') === '' && env.TERM !== 'dumb';
  }

  line(text = ''): void {
    this.#out.write(`${text}\n`);
  }

  title(text: string): void {
    this.line(this.#paint('bold', text));
  }

  step(text: string): void {
    this.#step += 1;
    this.line();
    this.title(`${String(this.#step).padStart(2)}. ${text}`);
  }

  note(text: string): void {
    this.line(`    ${text}`);
  }

  /** A command as it can be pasted into a shell in the checkout, with DEMO set as printed at the start. `around` is shell text as it is. */
  command(words: readonly string[], around: { readonly before?: string; readonly after?: string } = {}): void {
    const lines: string[] = [];
    const { before, after } = around;
    for (const part of [before ?? [], ...wordGroups(words), after ?? []].flat()) {
      const last = lines.at(-1);
      if (last !== undefined && last.length + part.length < wrapAt) lines[lines.length - 1] = `${last} ${part}`;
      else lines.push(part);
    }
    this.line(this.#paint('command', lines.map((text, at) => `    ${at === 0 ? '$' : ' '} ${text}`).join(' \\\n')));
  }

  /** Output of a program, as it comes. */
  program(chunk: string): void {
    const lines = (this.#lastProgram + chunk).split('\n');
    this.#lastProgram = lines.pop() ?? '';
    for (const text of lines) this.line(`      ${text}`);
  }

  good(text: string): void {
    this.line(this.#paint('good', `    ✓ ${text}`));
  }

  bad(text: string): void {
    this.line(this.#paint('bad', `demo: ${text}`));
  }

  #paint(style: keyof typeof styles, text: string): string {
    return this.#colour ? `\u001B[${styles[style]}m${text}\u001B[0m` : text;
  }
}

/** An option and its value stay on one line. */
function wordGroups(words: readonly string[]): readonly string[] {
  const groups: string[] = [];
  let open = false;
  for (const word of words) {
    if (open && !word.startsWith('--')) groups.push(`${groups.pop() ?? ''} ${shellWord(word)}`);
    else groups.push(shellWord(word));
    open = word.startsWith('--');
  }
  return groups;
}

export const folderName = '$DEMO';

/** Words that the demo writes with $DEMO in them keep it; everything else is quoted when a shell would read it otherwise. */
export function shellWord(word: string): string {
  if (word.startsWith(folderName)) return `"${word}"`;
  if (/^[\w@%+=:,./-]+$/.test(word)) return word;
  return `'${word.replaceAll("'", String.raw`'\''`)}'`;
}
