// `agents`: the hosts this control plane works with. Adding one gives the code, the fingerprint and the command to paste on the host.
import { Command } from 'commander';
import { z } from 'zod';
import type { ExitCode } from '../../terminal/exit-codes.ts';
import { type Failure, isFailure } from '../../terminal/fail.ts';
import { plainTable } from '../../terminal/plain-table.ts';
import { action } from '../../terminal/program.ts';
import { type Terminal, writeText } from '../../terminal/terminal.ts';
import { visible } from '../../terminal/visible-text.ts';
import { ApiClient } from './client.ts';
import { findServer, type ServerOptions, withServerOptions } from './find-server.ts';
import { timeText } from './job-view.ts';

const moment = z.union([z.string(), z.number()]);

const pairingSchema = z.object({
  agent: z.string(),
  code: z.string(),
  fingerprint: z.string(),
  url: z.string(),
  expires_at: moment,
});

const connectionSchema = z.union([z.string(), z.object({ label: z.string() })]);

const agentsSchema = z.object({
  agents: z.array(
    z.object({
      agent: z.string(),
      status: z.string(),
      paired_at: moment.nullish(),
      last_seen_at: moment.nullish(),
      version: z.string().nullish(),
      connections: z.array(connectionSchema).nullish(),
    }),
  ),
});

interface Options extends ServerOptions {
  readonly json?: true;
}

type Work = (client: ApiClient, terminal: Terminal, options: Options) => Promise<ExitCode | Failure>;

export function agentsCommand(terminal: Terminal): Command {
  const command = new Command('agents').description('Add, list and revoke agents');
  command
    .addCommand(
      named(terminal, 'add', pair('/agents'))
        .description('Add an agent: prints a pairing code and the command to paste on its host')
        .option('--json', 'one JSON object: agent, code, fingerprint, url, expires_at'),
    )
    .addCommand(
      named(terminal, 'code', (name) => pair(`/agents/${encodeURIComponent(name)}/code`)(name))
        .description('Make a new pairing code for a known agent: not paired yet, to be paired anew, or revoked')
        .option('--json', 'one JSON object: agent, code, fingerprint, url, expires_at'),
    )
    .addCommand(listCommand(terminal))
    .addCommand(
      named(terminal, 'revoke', (name) => change(name, { path: '', method: 'DELETE', said: 'is revoked' })).description(
        'Revoke an agent: it gets no job any more',
      ),
    )
    .addCommand(
      named(terminal, 'clear', (name) =>
        change(name, { path: '/clear', method: 'POST', said: 'is clear again' }),
      ).description('Trust an agent again whose identity looked cloned or rolled back'),
    );
  return command;
}

function named(terminal: Terminal, verb: string, work: (name: string) => Work): Command {
  return withServerOptions(new Command(verb).argument('<name>', "the agent's name: a-z, 0-9, dot, dash, underscore"))
    .addHelpText('after', `\nExample:\n  iam-control-plane agents ${verb} web-1 --data-dir DIR`)
    .action(action(terminal, (name: string, options: Options) => withClient(terminal, options, work(name))));
}

function listCommand(terminal: Terminal): Command {
  return withServerOptions(new Command('list').description('List agents, their state and their connections'))
    .option('--json', 'the answer of the API: {"agents": […]}')
    .action(action(terminal, (options: Options) => withClient(terminal, options, list)));
}

export async function withClient(terminal: Terminal, options: Options, work: Work): Promise<ExitCode | Failure> {
  const server = await findServer(options, terminal.env);
  return isFailure(server) ? server : work(new ApiClient(server, terminal.signal), terminal, options);
}

function pair(path: string): (name: string) => Work {
  return (name) => async (client, terminal, options) => {
    const body = path === '/agents' ? { body: { name } } : {};
    const answer = await client.json(path, pairingSchema, { method: 'POST', ...body });
    if (isFailure(answer)) return answer;
    const { agent, code, fingerprint, url, expires_at: expiresAt } = answer.value;
    const text = [
      `agent        ${visible(agent)}`,
      `code         ${visible(code)}`,
      `fingerprint  ${visible(fingerprint)}`,
      `expires      ${visible(timeText(expiresAt))}`,
      '',
      'Paste on the host; it asks for the code and the fingerprint:',
      `  iam-agent pair ${visible(url)}`,
      '',
    ];
    const json = { agent, code, fingerprint, url, expires_at: expiresAt };
    await writeText(terminal.stdout, options.json === true ? `${JSON.stringify(json)}\n` : text.join('\n'));
    return 'ok';
  };
}

const list: Work = async (client, terminal, options) => {
  const answer = await client.json('/agents', agentsSchema);
  if (isFailure(answer)) return answer;
  if (options.json === true) {
    await writeText(terminal.stdout, `${answer.text.trimEnd()}\n`);
    return 'ok';
  }
  const rows = answer.value.agents.map((agent) => [
    agent.agent,
    agent.status,
    timeText(agent.last_seen_at),
    agent.version ?? '',
    (agent.connections ?? []).map((one) => (typeof one === 'string' ? one : one.label)).join(' '),
  ]);
  await writeText(terminal.stdout, plainTable(['AGENT', 'STATUS', 'LAST SEEN', 'VERSION', 'CONNECTIONS'], rows));
  return 'ok';
};

function change(
  name: string,
  call: { readonly path: string; readonly method: 'POST' | 'DELETE'; readonly said: string },
): Work {
  return async (client, terminal) => {
    const failed = await client.done(`/agents/${encodeURIComponent(name)}${call.path}`, { method: call.method });
    if (failed !== null) return failed;
    await writeText(terminal.stderr, `${visible(name)} ${call.said}\n`);
    return 'ok';
  };
}
