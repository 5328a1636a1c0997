// The commands of iam-control-plane but `serve`, which starts the server and is added by main.
import { Command } from 'commander';
import type { Terminal } from '../../terminal/terminal.ts';
import { agentsCommand } from './agents.ts';
import { jobsCommand } from './jobs.ts';
import { runCommand } from './run.ts';
import { tokensCommand } from './tokens.ts';

export function controlPlaneProgram(terminal: Terminal, version: string): Command {
  return new Command('iam-control-plane')
    .description('Control plane of iam-agent: runs AWS IAM actions on agents that hold the credentials')
    .version(version, '--version', 'print the version')
    .addCommand(agentsCommand(terminal))
    .addCommand(runCommand(terminal))
    .addCommand(jobsCommand(terminal))
    .addCommand(tokensCommand(terminal));
}
