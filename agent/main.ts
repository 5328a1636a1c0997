// The program iam-agent: its commands and nothing else. Exit codes are those of terminal/exit-codes.ts.
import { Command } from 'commander';
import packageJson from '../package.json' with { type: 'json' };
import { processTerminal } from '../terminal/process-terminal.ts';
import { runProgram } from '../terminal/program.ts';
import { actionsCommand } from './cli/actions.ts';
import { execCommand } from './cli/exec.ts';
import { pairCommand } from './cli/pair.ts';
import { renderCommand } from './cli/render.ts';
import { runCommand } from './cli/run.ts';
import { versionCommand } from './cli/version.ts';
import { configOption } from './cli/with-config.ts';

const { version } = packageJson;
const terminal = processTerminal();
const program = new Command('iam-agent')
  .description('Runs signed AWS IAM jobs on this host, with its own credentials and within its own policy.')
  .addCommand(pairCommand(terminal))
  .addCommand(runCommand(terminal, version))
  .addCommand(execCommand(terminal, version));
configOption(program);
await runProgram(program, process.argv.slice(2), terminal);
