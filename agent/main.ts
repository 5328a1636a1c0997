// The program iam-agent: its commands and nothing else. Exit codes are those of terminal/exit-codes.ts.
import { Command } from 'commander';
import process from 'node:process';
import { processTerminal } from '../terminal/process-terminal.ts';
import { exitStatus } from '../terminal/exit-codes.ts';
import { programVersion } from '../terminal/program-version.ts';
import { reportBug, runProgram } from '../terminal/program.ts';
import { actionsCommand } from './cli/actions.ts';
import { execCommand } from './cli/exec.ts';
import { pairCommand } from './cli/pair.ts';
import { renderCommand } from './cli/render.ts';
import { runCommand } from './cli/run.ts';
import { runsCommand } from './cli/runs.ts';
import { statusCommand } from './cli/status.ts';
import { versionCommand } from './cli/version.ts';
import type { ActionGuide } from './iam/action-guide.ts';
import { configOf, configOption } from './cli/with-config.ts';

// What this program makes (journal, lock, sockets) is for its own user.
process.umask(0o077);
const version = programVersion();
const terminal = processTerminal();

function die(error: unknown): void {
  void reportBug(error, terminal).finally(() => process.exit(exitStatus('internal')));
}
process.on('uncaughtException', die);
process.on('unhandledRejection', die);

async function loadGuides(): Promise<readonly ActionGuide[]> {
  const [{ actions }, { guideOf }] = await Promise.all([import('./iam/catalogue.ts'), import('./iam/action-guide.ts')]);
  return actions.map(guideOf);
}

const render = renderCommand(terminal, (command) => configOf(command, terminal));
const program = new Command('iam-agent')
  .description('Runs signed AWS IAM jobs on this host, with its own credentials and within its own policy.')
  .addCommand(pairCommand(terminal))
  .addCommand(runCommand(terminal, version))
  .addCommand(statusCommand(terminal, version))
  .addCommand(execCommand(terminal, version))
  .addCommand(runsCommand(terminal, version))
  .addCommand(configOption(render))
  .addCommand(actionsCommand(terminal, loadGuides))
  .addCommand(versionCommand(terminal, { program: version, node: process.versions.node }));
await runProgram(configOption(program), process.argv.slice(2), terminal);
