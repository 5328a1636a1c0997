// iam-control-plane: argv in, exit status out. Nothing else of this program ends the process.
import process from 'node:process';
import { exitStatus } from '../terminal/exit-codes.ts';
import { processTerminal } from '../terminal/process-terminal.ts';
import { programVersion } from '../terminal/program-version.ts';
import { reportBug, runProgram } from '../terminal/program.ts';
import { controlPlaneProgram } from './cli/program.ts';
import { serveCommand } from './cli/serve.ts';

// What this program makes (store, keys, lock) is for its own user.
process.umask(0o077);
const terminal = processTerminal();

function die(error: unknown): void {
  void reportBug(error, terminal).finally(() => process.exit(exitStatus('internal')));
}
process.on('uncaughtException', die);
process.on('unhandledRejection', die);

const program = controlPlaneProgram(terminal, programVersion()).addCommand(serveCommand());
await runProgram(program, process.argv.slice(2), terminal);
