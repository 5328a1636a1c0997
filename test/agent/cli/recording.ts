// A Terminal on real streams that keeps what was written.
import { PassThrough, type Readable } from 'node:stream';
import type { ExitCode } from '../../../terminal/exit-codes.ts';
import type { Terminal } from '../../../terminal/terminal.ts';

export interface RecordingTerminal extends Terminal {
  out(): string;
  err(): string;
  ended(): ExitCode | null;
}

export function recording(stdin: Readable): RecordingTerminal {
  const [stdout, stderr] = [new PassThrough({ highWaterMark: 1e7 }), new PassThrough({ highWaterMark: 1e7 })];
  let code: ExitCode | null = null;
  return {
    stdin,
    stdout,
    stderr,
    env: {},
    signal: new AbortController().signal,
    exit: (ended) => {
      code = ended;
    },
    out: () => String(stdout.read() ?? ''),
    err: () => String(stderr.read() ?? ''),
    ended: () => code,
  };
}
