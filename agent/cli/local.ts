// What the commands that ask a running agent share: the way to it, and how its "no" ends a command.
import type { Refusal } from '../../protocol/error-codes.ts';
import type { ExitCode } from '../../terminal/exit-codes.ts';
import type { Failure } from '../../terminal/fail.ts';
import type { Terminal } from '../../terminal/terminal.ts';
import { visible } from '../../terminal/visible-text.ts';
import type { AgentConfig } from '../config/load-config.ts';
import type { LocalClient, Said } from '../io/local-client.ts';

export function localClient(config: AgentConfig, version: string, terminal: Terminal): LocalClient {
  return {
    kind: 'local_client',
    stateDir: config.stateDir,
    version,
    onOtherVersion: (other) =>
      terminal.stderr.write(
        `warning: the running agent is version ${visible(other)}, this command ${version}; restart the agent after an upgrade\n`,
      ),
  };
}

const exits: Readonly<Record<string, ExitCode>> = {
  action_not_allowed: 'permission',
  run_interrupted: 'permission',
  agent_draining: 'temporary',
  too_many_requests: 'temporary',
  state_locked: 'temporary',
  agent_not_running: 'unavailable',
  local_version: 'unavailable',
  state_damaged: 'io',
  journal_required: 'io',
  configuration_invalid: 'configuration',
  internal: 'internal',
};

export function localFailure({ code, detail }: Refusal | Said): Failure {
  return { kind: 'failure', exit: exits[code] ?? 'bad_data', code, detail };
}
