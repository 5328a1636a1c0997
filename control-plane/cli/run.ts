// `run ACTION`: makes a job from templates and rows, sends it while the rows are read, and prints its id or follows it.
import { randomUUID } from 'node:crypto';
import { Command, InvalidArgumentError, Option } from 'commander';
import { limits } from '../../protocol/limits.ts';
import { type Failure, failure, isFailure } from '../../terminal/fail.ts';
import { exitCodeHelp, type ExitCode } from '../../terminal/exit-codes.ts';
import { parseSets } from '../../terminal/parse-set.ts';
import { action } from '../../terminal/program.ts';
import { exitOfStop, type Terminal, writeText } from '../../terminal/terminal.ts';
import { visible } from '../../terminal/visible-text.ts';
import { type EnvelopeFormat, envelopeFormats } from '../../terminal/write-envelopes.ts';
import { ApiClient } from './client.ts';
import { findServer, type ServerOptions, withServerOptions } from './find-server.ts';
import { type JobView, jobViewSchema } from './job-view.ts';
import { refusalOf, showResults } from './show-results.ts';
import { JobBody } from './job-body.ts';

interface RunOptions extends ServerOptions {
  readonly agent: string;
  readonly connection: string;
  readonly set: readonly string[];
  readonly rows?: string;
  readonly follow?: true;
  readonly format: EnvelopeFormat;
  readonly concurrency?: number;
  readonly onError?: 'continue' | 'stop';
  readonly dryRun?: true;
  readonly rowDeadline?: number;
  readonly ttl?: number;
  readonly idempotencyKey?: string;
  readonly quiet?: true;
}

const examples = `
Examples:
  One call, result on stdout:
    iam-control-plane run list_access_keys --data-dir DIR --agent web-1 --connection prod \\
      --set 'Username=alice' --follow

  One call for each line of a file, as a table:
    iam-control-plane run update_access_key --data-dir DIR --agent web-1 --connection prod \\
      --rows keys.csv --set 'Username={{ user }}' --set 'Access Key={{ key }}' --set 'Status=Inactive' \\
      --follow --format table

  Check everything, call nothing:
    … --dry-run --follow

A template is rendered for each row; '@file' reads it from a file, '@@' starts one with '@'.
Rows come as CSV with a header, JSON Lines or a JSON array; '-' is standard input; without --rows there is one empty row.
CSV output is data for programs: cells are not changed, so import them into a spreadsheet as text.
Ctrl-C while following leaves the job running and says how to go on.`;

export function wholeNumber(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^\d+$/.test(text) || value < least || value > most)
      throw new InvalidArgumentError(`Expected a whole number from ${least} to ${most}.`);
    return value;
  };
}

export function formatOption(): Option {
  return new Option('--format <format>', 'form of the results').choices(envelopeFormats).default('jsonl');
}

export function runCommand(terminal: Terminal): Command {
  const command = new Command('run')
    .description('Run an IAM action on an agent, once for each row')
    .argument('<action>', "action, for example list_users; 'iam-agent actions' lists them")
    .requiredOption('--agent <name>', 'agent that runs it')
    .requiredOption('--connection <label>', "one of the agent's connections")
    .option('--set <Input=template>', 'template of an input (repeatable)', (one, all: string[]) => [...all, one], [])
    .option('--rows <file>', "rows: .csv, .jsonl or .json, or '-'")
    .option('--follow', 'print results as they come, and wait for the end')
    .addOption(formatOption())
    .option('--concurrency <n>', 'rows under way at once', wholeNumber(1, 64))
    .addOption(new Option('--on-error <what>', 'what a failed row means for the others').choices(['continue', 'stop']))
    .option('--dry-run', 'render and check everything, call nothing')
    .option(
      '--row-deadline <seconds>',
      'longest time for one row, from its start',
      wholeNumber(1, limits.rowDeadlineSeconds),
    )
    .option('--ttl <seconds>', 'latest start of a call, in seconds from now', wholeNumber(1, 30 * 86_400))
    .option('--idempotency-key <key>', 'the same key and job again is the same job (default: a new key)')
    .option('--quiet', 'no progress and no summary');
  return withServerOptions(command)
    .addHelpText(
      'after',
      `${examples}\n${exitCodeHelp(['ok', 'row_failed', 'usage', 'bad_data', 'unavailable', 'io', 'permission'])}`,
    )
    .action(action(terminal, (name: string, options: RunOptions) => run(terminal, name, options)));
}

async function run(terminal: Terminal, name: string, options: RunOptions): Promise<ExitCode | Failure> {
  const inputs = await parseSets(options.set);
  if (isFailure(inputs)) return inputs;
  const server = await findServer(options, terminal.env);
  if (isFailure(server)) return server;
  const client = new ApiClient(server, terminal.signal);
  const key = options.idempotencyKey ?? randomUUID();
  if (!/^[\x21-\x7e]{1,255}$/.test(key))
    return failure(
      'usage',
      'usage',
      '--idempotency-key expects 1 to 255 visible ASCII characters',
      'for example a UUID',
    );
  const view = await send(client, terminal, { head: headOf(name, inputs, options), rows: options.rows ?? null, key });
  if (view === null) return exitOfStop(terminal.signal);
  if (isFailure(view)) return view;
  return answer(client, terminal, { view, options });
}

function headOf(name: string, inputs: Readonly<Record<string, string>>, options: RunOptions): string {
  const { agent, connection, concurrency, onError, dryRun, rowDeadline, ttl } = options;
  const jobOptions = { concurrency, on_error: onError, dry_run: dryRun, row_deadline_seconds: rowDeadline };
  return JSON.stringify({ agent, connection, action: name, inputs, options: jobOptions, ttl_seconds: ttl });
}

interface Sending {
  readonly head: string;
  readonly rows: string | null;
  readonly key: string;
}

/** Null when the user stopped it. */
async function send(
  client: ApiClient,
  terminal: Terminal,
  { head, rows, key }: Sending,
): Promise<JobView | Failure | null> {
  const body = new JobBody(head, rows, { stdin: terminal.stdin, signal: terminal.signal });
  const headers = { 'content-type': 'application/x-ndjson', 'idempotency-key': key };
  try {
    const sent = await client.upload('/jobs', jobViewSchema, { body: body.bytes(), headers });
    // A bad row broke the upload off: that is the reason, not the broken connection. No job was made.
    if (body.problem !== null) return body.problem;
    if (!isFailure(sent)) return sent.value;
    if (sent.code !== 'unreachable' || sent.exit !== 'temporary') return sent;
    const again = `whether the job was made is not known; the same command with --idempotency-key ${key} makes it only once`;
    return { ...sent, help: again };
  } catch (error) {
    if (!terminal.signal.aborted) throw error;
    const note = `stopped while the job was sent (idempotency key ${key}); 'iam-control-plane jobs list' shows whether it was made\n`;
    await writeText(terminal.stderr, note);
    return null;
  }
}

async function answer(
  client: ApiClient,
  terminal: Terminal,
  { view, options }: { readonly view: JobView; readonly options: RunOptions },
): Promise<ExitCode | Failure> {
  if (options.follow !== true) {
    await writeText(terminal.stdout, `${visible(view.job)}\n`);
    return view.refusal === null ? 'ok' : refusalOf(view);
  }
  const quiet = options.quiet ?? false;
  if (!quiet) await writeText(terminal.stderr, `job ${visible(view.job)}\n`);
  return showResults(client, terminal, { job: view.job, after: 0, follow: true, format: options.format, quiet });
}
