// The configuration as every command finds it: --config before or after the command, else IAM_AGENT_CONFIG, else the system's place.
import type { Command } from 'commander';
import { failure, type Failure } from '../../terminal/fail.ts';
import type { Terminal } from '../../terminal/terminal.ts';
import { type AgentConfig, loadConfig } from '../config/load-config.ts';
import { formatProblems, isConfigProblems } from '../config/problem.ts';

const defaultConfigPath = '/etc/iam-agent/config.yaml';

export function configOption(command: Command): Command {
  return command.option('-c, --config <file>', `configuration file (else IAM_AGENT_CONFIG, else ${defaultConfigPath})`);
}

function configPath(command: Command, env: Terminal['env']): string {
  const given = command.optsWithGlobals<{ config?: string }>().config;
  return given ?? (env.IAM_AGENT_CONFIG || defaultConfigPath);
}

/** All problems of the file at once, as one failure. Warnings go to stderr. */
export async function configOf(
  command: Command,
  terminal: Terminal,
  options: { connections: boolean } = { connections: true },
): Promise<AgentConfig | Failure> {
  const config = await loadConfig(configPath(command, terminal.env), options);
  if (isConfigProblems(config)) {
    const code = config.problems[0]?.code ?? 'configuration_invalid';
    return failure('configuration', code, formatProblems(config).trimEnd());
  }
  return config;
}
