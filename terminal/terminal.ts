// What a command sees of the process: streams, environment, and a signal that says "stop". Commands take it as a parameter, so that they
// can be run on real pipes in a test, and never touch `process` themselves.
import { once } from 'node:events';
import type { Readable } from 'node:stream';
import type { ExitCode } from './exit-codes.ts';

export interface Output extends NodeJS.WritableStream {
  readonly isTTY?: boolean;
  readonly columns?: number;
}

/** Why a command was asked to stop. */
export type StopReason = 'signal' | 'output_closed';

export interface Terminal {
  readonly stdin: Readable;
  readonly stdout: Output;
  readonly stderr: Output;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Aborted by the first SIGINT or SIGTERM, or when the reader of stdout went away. The second signal ends the process. */
  readonly signal: AbortSignal;
  /** Records how the command ended. The last call counts. */
  exit(code: ExitCode): void;
}

/** Writes and waits while the reader is slower than we are. A closed output is no error here: `Terminal.signal` tells of it. */
export async function writeText(out: Output, text: string): Promise<void> {
  if (text === '' || !out.writable) return;
  if (out.write(text)) return;
  const settled = new AbortController();
  try {
    await Promise.race(['drain', 'close', 'error'].map((event) => once(out, event, { signal: settled.signal })));
  } catch {
    // The output broke while we waited.
  } finally {
    settled.abort();
  }
}

/** The exit code of a command that ended because it was asked to. */
export function exitOfStop(signal: AbortSignal): ExitCode {
  const reason: unknown = signal.reason;
  return reason === ('output_closed' satisfies StopReason) ? 'io' : 'interrupted';
}

/** Cells of a line. A terminal without a size (a serial line, some CI) says 0. */
export function widthOf(out: Output): number {
  return out.columns === undefined || out.columns < 1 ? 80 : out.columns;
}

export function colourWanted(out: Output, env: Terminal['env']): boolean {
  return out.isTTY === true && (env['NO_COLOR'] ?? '') === '' && env['TERM'] !== 'dumb';
}
