// How an expected failure looks: `error CODE: detail`, then `help: …`. Never a stack. Values, so that commands return them.
import type { ErrorCode, Refusal } from '../protocol/error-codes.ts';
import type { ExitCode } from './exit-codes.ts';
import { colourWanted, type Terminal, writeText } from './terminal.ts';
import { visibleLines } from './visible-text.ts';

/** Failures of the command itself, beside the protocol's own codes. */
export type CommandCode = 'usage' | 'file_unreadable' | 'unreachable' | 'interrupted';

export interface Failure {
  readonly kind: 'failure';
  readonly exit: ExitCode;
  /** A code of protocol/error-codes.ts, of CommandCode, or one that the other side made up. */
  readonly code: string;
  readonly detail: string;
  readonly help?: string;
}

export function failure(exit: ExitCode, code: ErrorCode | CommandCode, detail: string, help?: string): Failure {
  return { kind: 'failure', exit, code, detail, ...(help === undefined ? {} : { help }) };
}

export function isFailure(value: unknown): value is Failure {
  return typeof value === 'object' && value !== null && 'kind' in value && value.kind === 'failure';
}

/** A refusal as the reason why a command ends. */
export function refusalFailure(refusal: Refusal, exit: ExitCode, help?: string): Failure {
  return failure(exit, refusal.code, refusal.detail, help);
}

export function failureText(failed: Failure, colour: boolean): string {
  const [red, plain] = colour ? ['\u001B[31m', '\u001B[0m'] : ['', ''];
  const code = visibleLines(failed.code);
  const help = failed.help === undefined ? '' : `help: ${visibleLines(failed.help).replaceAll('\n', '\n      ')}\n`;
  return `${red}error ${code}:${plain} ${visibleLines(failed.detail)}\n${help}`;
}

/** Prints it on stderr and gives the exit code back. */
export async function printFailure(terminal: Terminal, failed: Failure): Promise<ExitCode> {
  await writeText(terminal.stderr, failureText(failed, colourWanted(terminal.stderr, terminal.env)));
  return failed.exit;
}
