// `tokens`: API tokens. The secret is printed once, alone on stdout, so that it can go straight into a file or a secret store.
import { Command, Option } from 'commander';
import { z } from 'zod';
import { type Failure, isFailure } from '../../terminal/fail.ts';
import type { ExitCode } from '../../terminal/exit-codes.ts';
import { plainTable } from '../../terminal/plain-table.ts';
import { action } from '../../terminal/program.ts';
import { type Terminal, writeText } from '../../terminal/terminal.ts';
import { visible } from '../../terminal/visible-text.ts';
import { roles } from '../roles.ts';
import { withClient } from './agents.ts';
import type { ApiClient } from './client.ts';
import { type ServerOptions, withServerOptions } from './find-server.ts';
import { timeText } from './job-view.ts';

const createdSchema = z.object({ id: z.string(), name: z.string(), role: z.string(), token: z.string() });
const tokensSchema = z.object({
  tokens: z.array(
    z.object({
      id: z.string(),
      name: z.string(),
      role: z.string(),
      created_at: z.union([z.string(), z.number()]).nullish(),
    }),
  ),
});

interface CreateOptions extends ServerOptions {
  readonly role: string;
  readonly json?: true;
}

interface ListOptions extends ServerOptions {
  readonly json?: true;
}

export function tokensCommand(terminal: Terminal): Command {
  return new Command('tokens')
    .description('Create, list and delete API tokens')
    .addCommand(createCommand(terminal))
    .addCommand(listCommand(terminal))
    .addCommand(deleteCommand(terminal));
}

function createCommand(terminal: Terminal): Command {
  return withServerOptions(
    new Command('create').description('Make a token; it is printed once and kept only as a hash'),
  )
    .argument('<name>', 'whom it is for; jobs made with it carry this name')
    .addOption(
      new Option('--role <role>', 'viewer reads, operator runs jobs, admin does everything')
        .choices(roles)
        .makeOptionMandatory(),
    )
    .option('--json', 'one JSON object: id, name, role, token')
    .addHelpText('after', '\nExample:\n  iam-control-plane tokens create ci --role operator --data-dir DIR > ci.token')
    .action(
      action(terminal, (name: string, options: CreateOptions) =>
        withClient(terminal, options, (client) => create(client, terminal, { name, options })),
      ),
    );
}

async function create(
  client: ApiClient,
  terminal: Terminal,
  { name, options }: { readonly name: string; readonly options: CreateOptions },
): Promise<ExitCode | Failure> {
  const answer = await client.json('/tokens', createdSchema, { method: 'POST', body: { name, role: options.role } });
  if (isFailure(answer)) return answer;
  const { id, role, token } = answer.value;
  if (options.json === true) {
    await writeText(terminal.stdout, `${JSON.stringify({ id, name: answer.value.name, role, token })}\n`);
    return 'ok';
  }
  await writeText(terminal.stderr, `token ${visible(id)} of role ${visible(role)}; it is not shown again:\n`);
  await writeText(terminal.stdout, `${visible(token)}\n`);
  return 'ok';
}

function listCommand(terminal: Terminal): Command {
  return withServerOptions(new Command('list').description('List tokens, without their secrets'))
    .option('--json', 'the answer of the API: {"tokens": […]}')
    .action(
      action(terminal, (options: ListOptions) =>
        withClient(terminal, options, async (client) => {
          const answer = await client.json('/tokens', tokensSchema);
          if (isFailure(answer)) return answer;
          const rows = answer.value.tokens.map(({ id, name, role, created_at: at }) => [id, name, role, timeText(at)]);
          const table = plainTable(['ID', 'NAME', 'ROLE', 'CREATED'], rows);
          await writeText(terminal.stdout, options.json === true ? `${answer.text.trimEnd()}\n` : table);
          return 'ok';
        }),
      ),
    );
}

function deleteCommand(terminal: Terminal): Command {
  return withServerOptions(new Command('delete').description('Delete a token: it stops working at once'))
    .argument('<id>', "id of the token, from 'tokens list'")
    .action(
      action(terminal, (id: string, options: ServerOptions) =>
        withClient(terminal, options, async (client) => {
          const failed = await client.done(`/tokens/${encodeURIComponent(id)}`, { method: 'DELETE' });
          if (failed !== null) return failed;
          await writeText(terminal.stderr, `token ${visible(id)} is deleted\n`);
          return 'ok';
        }),
      ),
    );
}
