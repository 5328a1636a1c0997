// Runs a tree of commands to an exit code. Both programs behave the same: usage errors are 2, bugs are 70 with a short text, help is 0.
import { type Command, CommanderError } from 'commander';
import type { ExitCode } from './exit-codes.ts';
import { type Failure, failure, isFailure, printFailure } from './fail.ts';
import { exitOfStop, type Terminal, writeText } from './terminal.ts';

/** Wraps a command's work: a failure is printed, an exit code is recorded. */
export function action<Args extends readonly unknown[]>(
  terminal: Terminal,
  work: (...args: Args) => Promise<ExitCode | Failure>,
): (...args: Args) => Promise<void> {
  return async (...args) => {
    const ended = await work(...args);
    terminal.exit(isFailure(ended) ? await printFailure(terminal, ended) : ended);
  };
}

/** Adds the settings that commander does not hand down to commands made elsewhere. */
function prepare(command: Command, terminal: Terminal): void {
  command
    .exitOverride()
    .configureOutput({
      writeOut: (text) => terminal.stdout.write(text),
      writeErr: (text) => terminal.stderr.write(text),
      getOutHasColors: () => false,
      getErrHasColors: () => false,
    })
    .showSuggestionAfterError()
    .showHelpAfterError(`help: ${commandPath(command)} --help`);
  for (const child of command.commands) prepare(child, terminal);
}

function commandPath(command: Command): string {
  return command.parent === null ? command.name() : `${commandPath(command.parent)} ${command.name()}`;
}

/** @param argv the words after the program's name */
export async function runProgram(program: Command, argv: readonly string[], terminal: Terminal): Promise<void> {
  prepare(program, terminal);
  try {
    await program.parseAsync(argv, { from: 'user' });
  } catch (error) {
    terminal.exit(await exitOfError(error, terminal));
  }
}

async function exitOfError(error: unknown, terminal: Terminal): Promise<ExitCode> {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 'ok' : 'usage';
  if (terminal.signal.aborted) return exitOfStop(terminal.signal);
  return reportBug(error, terminal);
}

/** A fault of ours: one line, and where it came from only when asked for. */
export async function reportBug(error: unknown, terminal: Terminal): Promise<ExitCode> {
  const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  const help = 'this is a fault in the program; run it again with IAM_AGENT_DEBUG=1 to see where';
  const exit = await printFailure(terminal, failure('internal', 'internal', text, help));
  if ((terminal.env['IAM_AGENT_DEBUG'] ?? '') !== '' && error instanceof Error)
    await writeText(terminal.stderr, `${error.stack ?? ''}\n`);
  return exit;
}
