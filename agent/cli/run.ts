// `iam-agent run`: the daemon. Starts, tells systemd, waits for a signal or a fault, drains, stops.
import { setTimeout as delay } from 'node:timers/promises';
import { Command } from 'commander';
import { type ErrorCode, isRefusal } from '../../protocol/error-codes.ts';
import type { ExitCode } from '../../terminal/exit-codes.ts';
import { failure, type Failure, isFailure, refusalFailure } from '../../terminal/fail.ts';
import { action } from '../../terminal/program.ts';
import type { Terminal } from '../../terminal/terminal.ts';
import type { Agent } from '../agent.ts';
import { composeAgent } from '../compose.ts';
import type { AgentConfig } from '../config/load-config.ts';
import { createLog, type Log } from '../io/log-winston.ts';
import { type Notify, openNotify } from '../io/notify-systemd.ts';
import { stateFailure } from './state-failure.ts';
import { configOf, configOption } from './with-config.ts';

/** Exit code by what kept the daemon from starting. systemd does not try again where only an operator can help. */
const exits: Partial<Record<ErrorCode, ExitCode>> = {
  not_paired: 'permission',
  state_locked: 'temporary',
  state_damaged: 'io',
  secret_file_exposed: 'configuration',
};

export function runCommand(terminal: Terminal, version: string): Command {
  const command = new Command('run').description('run the daemon; what systemd starts');
  return configOption(command).action(action(terminal, () => run(command, terminal, version)));
}

async function run(command: Command, terminal: Terminal, version: string): Promise<ExitCode | Failure> {
  const config = await configOf(command, terminal);
  if (isFailure(config)) return config;
  const log = createLog({ ...config.log, stream: terminal.stdout });
  for (const { text, kind, connection } of config.warnings) {
    terminal.stderr.write(`warning: ${text}\n`);
    log('config.warning', { warning: kind, connection });
  }
  try {
    return await serve(config, log, terminal, version);
  } catch (error) {
    return stateFailure(error);
  } finally {
    await log.close();
  }
}

async function serve(config: AgentConfig, log: Log, terminal: Terminal, version: string): Promise<ExitCode | Failure> {
  const agent = await composeAgent(config, { version, env: terminal.env, events: log });
  if (isRefusal(agent)) return refusalFailure(agent, exits[agent.code] ?? 'internal');
  const notify = openNotify(terminal.env, { onFailure: (state) => log('notify.failed', { state }) });
  const over = new AbortController();
  try {
    await agent.start();
    notify.ready();
    void feedWatchdog(notify, over.signal);
    log('agent.started', { version, node: process.versions.node, connections: config.connections.length });
    const asked = await signalOrFault(agent, terminal.signal);
    notify.stopping();
    const fault = asked ?? (await Promise.race([agent.drain().then(() => null), agent.fault]));
    if (fault === null) return 'ok';
    log('agent.fault', { code: 'state_damaged' });
    return failure(
      'io',
      'state_damaged',
      `the journal failed: ${fault instanceof Error ? fault.message : 'unknown'}`,
      'check the disk of the state directory; the agent recovers at its next start',
    );
  } finally {
    over.abort();
    await agent.stop();
    log('agent.stopped', {});
    await notify.close();
  }
}

/** Null when a signal asked to stop. */
async function signalOrFault(agent: Agent, signal: AbortSignal): Promise<unknown> {
  const stopped = new Promise<null>((resolve) => {
    if (signal.aborted) resolve(null);
    signal.addEventListener('abort', () => resolve(null), { once: true });
  });
  return Promise.race([stopped, agent.fault]);
}

/** Twice as often as systemd wants. It shows that the event loop turns; whether the control plane answers is none of its business. */
async function feedWatchdog(notify: Notify, signal: AbortSignal): Promise<void> {
  if (notify.watchdogMs === null) return;
  while (!signal.aborted) {
    notify.watchdog();
    await delay(notify.watchdogMs / 2, undefined, { signal, ref: false }).catch(() => undefined);
  }
}
