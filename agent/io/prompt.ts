// Asks a person on the terminal. What is secret is not echoed.
import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import type { Terminal } from '../../terminal/terminal.ts';

export async function ask(terminal: Terminal, question: string, options: { secret: boolean }): Promise<string> {
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() });
  const output = options.secret ? silent : terminal.stderr;
  const lines = createInterface({ input: terminal.stdin, output, terminal: options.secret });
  try {
    // Only now that the terminal's own echo is off: a code that is pasted at once must not show either.
    terminal.stderr.write(question);
    return (await lines.question('', { signal: terminal.signal })).trim();
  } finally {
    lines.close();
    if (options.secret) terminal.stderr.write('\n');
  }
}
