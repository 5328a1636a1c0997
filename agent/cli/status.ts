// `iam-agent status`: what the running agent says of itself over its local socket.
import { Command } from 'commander';
import { isRefusal } from '../../protocol/error-codes.ts';
import { type ExitCode, exitCodeHelp } from '../../terminal/exit-codes.ts';
import { type Failure, isFailure } from '../../terminal/fail.ts';
import { action } from '../../terminal/program.ts';
import { type Terminal, writeText } from '../../terminal/terminal.ts';
import { askJson } from '../io/local-client.ts';
import { statusSchema } from '../local/status.ts';
import { localPaths } from '../local/wire.ts';
import { localClient, localFailure } from './local.ts';
import { statusText } from './status-text.ts';
import { configOf, configOption } from './with-config.ts';

const meanings = `
In this command 69 means that no agent runs, and 75 that it runs and is not connected to its control plane; the status is printed then too.`;

export function statusCommand(terminal: Terminal, version: string): Command {
  const command = new Command('status')
    .description('what the running agent does: link, jobs, local runs, spool, rate, last errors')
    .option('--json', 'as one JSON object')
    .addHelpText('after', exitCodeHelp(['ok', 'usage', 'unavailable', 'io', 'temporary', 'configuration']) + meanings);
  return configOption(command).action(
    action(terminal, (options: { json?: true }) => status(command, terminal, version, options.json === true)),
  );
}

async function status(
  command: Command,
  terminal: Terminal,
  version: string,
  json: boolean,
): Promise<ExitCode | Failure> {
  const config = await configOf(command, terminal, { connections: false });
  if (isFailure(config)) return config;
  const answer = await askJson(localClient(config, version, terminal), localPaths.status, statusSchema);
  if (isRefusal(answer) || 'kind' in answer) return localFailure(answer);
  await writeText(terminal.stdout, json ? `${JSON.stringify(answer)}\n` : statusText(answer, Date.now()));
  return answer.link.state === 'connected' ? 'ok' : 'temporary';
}
