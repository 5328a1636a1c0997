// The program iam-agent: its commands and nothing else. Exit codes are those of terminal/exit-codes.ts.
import { Command } from 'commander';
import process from 'node:process';
import { processTerminal } from '../terminal/process-terminal.ts';
import { exitStatus } from '../terminal/exit-codes.ts';
import { programVersion } from '../terminal/program-version.ts';
import { reportBug, runProgram } from '../terminal/program.ts';
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

/** In the order of the help. */
const commands: Readonly<Record<string, () => Promise<Command>>> = {
  pair: async () => (await import('./cli/pair.ts')).pairCommand(terminal),
  run: async () => (await import('./cli/run.ts')).runCommand(terminal, version),
  status: async () => (await import('./cli/status.ts')).statusCommand(terminal, version),
  exec: async () => (await import('./cli/exec.ts')).execCommand(terminal, version),
  runs: async () => (await import('./cli/runs.ts')).runsCommand(terminal, version),
  render: async () => {
    const { renderCommand } = await import('./cli/render.ts');
    return configOption(renderCommand(terminal, (command) => configOf(command, terminal)));
  },
  actions: async () => (await import('./cli/actions.ts')).actionsCommand(terminal, loadGuides),
  version: async () => {
    const { versionCommand } = await import('./cli/version.ts');
    return versionCommand(terminal, { program: version, node: process.versions.node });
  },
};

/** A command that is named is loaded alone: the daemon then holds what it needs. Help and what is no command need them all. */
async function run(words: readonly string[]): Promise<void> {
  const [word = ''] = words;
  const named = Object.hasOwn(commands, word) ? commands[word] : undefined;
  const program = new Command('iam-agent').description(
    'Runs signed AWS IAM jobs on this host, with its own credentials and within its own policy.',
  );
  for (const load of named === undefined ? Object.values(commands) : [named]) program.addCommand(await load());
  await runProgram(configOption(program), words, terminal);
}

// Not awaited here: a CommonJS bundle, which starts in less time and memory than one of modules, knows no await outside of functions.
run(process.argv.slice(2)).catch(die);
