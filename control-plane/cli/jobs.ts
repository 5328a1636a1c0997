// `jobs`: look at jobs, print their results, cancel them.
import { Command } from 'commander';
import { z } from 'zod';
import { type Failure, isFailure } from '../../terminal/fail.ts';
import { exitCodeHelp, type ExitCode } from '../../terminal/exit-codes.ts';
import { plainTable } from '../../terminal/plain-table.ts';
import { action } from '../../terminal/program.ts';
import { type Terminal, writeText } from '../../terminal/terminal.ts';
import { visible } from '../../terminal/visible-text.ts';
import type { EnvelopeFormat } from '../../terminal/write-envelopes.ts';
import { withClient } from './agents.ts';
import type { ApiClient } from './client.ts';
import { type ServerOptions, withServerOptions } from './find-server.ts';
import { type JobView, jobViewSchema, leftText, timeText, waitText } from './job-view.ts';
import { remedyOf } from './remedies.ts';
import { formatOption, wholeNumber } from './run.ts';
import { showResults } from './show-results.ts';

const jobsSchema = z.object({ jobs: z.array(jobViewSchema) });

interface ListOptions extends ServerOptions {
  readonly agent?: string;
  readonly status?: string;
  readonly limit?: number;
  readonly json?: true;
}

interface ShowOptions extends ServerOptions {
  readonly json?: true;
}

interface ResultsOptions extends ServerOptions {
  readonly after: number;
  readonly follow?: true;
  readonly format: EnvelopeFormat;
  readonly quiet?: true;
}

export function jobsCommand(terminal: Terminal): Command {
  return new Command('jobs')
    .description('List, show, print and cancel jobs')
    .addCommand(listCommand(terminal))
    .addCommand(showCommand(terminal))
    .addCommand(resultsCommand(terminal))
    .addCommand(cancelCommand(terminal));
}

function listCommand(terminal: Terminal): Command {
  return withServerOptions(new Command('list').description('List jobs, newest first'))
    .option('--agent <name>', 'only those of this agent')
    .option('--status <status>', 'only those in this state, for example running')
    .option('--limit <n>', 'at most so many', wholeNumber(1, 500))
    .option('--json', 'the answer of the API: {"jobs": […]}')
    .action(
      action(terminal, (options: ListOptions) =>
        withClient(terminal, options, (client) => list(client, terminal, options)),
      ),
    );
}

async function list(client: ApiClient, terminal: Terminal, options: ListOptions): Promise<ExitCode | Failure> {
  const query = new URLSearchParams();
  if (options.agent !== undefined) query.set('agent', options.agent);
  if (options.status !== undefined) query.set('status', options.status);
  if (options.limit !== undefined) query.set('limit', String(options.limit));
  const answer = await client.json(query.size === 0 ? '/jobs' : `/jobs?${query.toString()}`, jobsSchema);
  if (isFailure(answer)) return answer;
  const rows = answer.value.jobs.map((job) => [
    job.job,
    job.status,
    job.agent,
    job.connection,
    job.action,
    `${job.rows.ended}/${job.rows.total}`,
    String(job.rows.failed),
    timeText(job.created_at),
  ]);
  const table = plainTable(['JOB', 'STATUS', 'AGENT', 'CONNECTION', 'ACTION', 'ROWS', 'FAILED', 'CREATED'], rows);
  await writeText(terminal.stdout, options.json === true ? `${answer.text.trimEnd()}\n` : table);
  return 'ok';
}

function showCommand(terminal: Terminal): Command {
  return withServerOptions(new Command('show').description('Show one job').argument('<job>', 'id of the job'))
    .option('--json', 'the answer of the API')
    .action(
      action(terminal, (job: string, options: ShowOptions) =>
        withClient(terminal, options, async (client) => {
          const answer = await client.json(`/jobs/${encodeURIComponent(job)}`, jobViewSchema);
          if (isFailure(answer)) return answer;
          const text = options.json === true ? `${answer.text.trimEnd()}\n` : jobText(answer.value);
          await writeText(terminal.stdout, text);
          return 'ok';
        }),
      ),
    );
}

function jobText(view: JobView): string {
  const outcomes = Object.entries(view.outcomes ?? {}).filter(([, rows]) => rows > 0);
  const wait = waitText(view);
  const lines: (readonly [string, string])[] = [
    ['job', view.job],
    ['status', view.cancel_requested === true ? `${view.status} (cancel requested)` : view.status],
    ['agent', view.agent],
    ['connection', view.connection],
    ['action', view.action],
    ['asked by', view.sub],
    ['created', timeText(view.created_at)],
    ['finished', timeText(view.finished_at)],
    ['rows', `${view.rows.ended} of ${view.rows.total} ended, ${view.rows.failed} failed`],
    ['outcomes', outcomes.map(([outcome, rows]) => `${rows} ${outcome}`).join(', ')],
    ['waiting', wait === null ? '' : `for ${wait}`],
    ['left', leftText(view)],
    ['results', String(view.last_sequence)],
    ['refused', view.refusal === null ? '' : `${view.refusal.code}: ${view.refusal.detail}`],
    ['help', view.refusal === null ? '' : (remedyOf(view.refusal.code, view) ?? '')],
  ];
  return lines
    .filter(([, value]) => value !== '')
    .map(
      ([name, value]) =>
        `${name.padEnd(12)}${value
          .split('\n')
          .map(visible)
          .join(`\n${' '.repeat(12)}`)}\n`,
    )
    .join('');
}

function resultsCommand(terminal: Terminal): Command {
  return withServerOptions(
    new Command('results').description("Print a job's results").argument('<job>', 'id of the job'),
  )
    .option('--follow', 'wait for results that are still to come')
    .option('--after <sequence>', 'leave out the results up to this one', wholeNumber(0, Number.MAX_SAFE_INTEGER), 0)
    .addOption(formatOption())
    .option('--quiet', 'no progress and no summary')
    .addHelpText('after', exitCodeHelp(['ok', 'row_failed', 'usage', 'unavailable', 'io', 'permission']))
    .action(
      action(terminal, (job: string, options: ResultsOptions) =>
        withClient(terminal, options, (client) => {
          const { after, format } = options;
          const follow = options.follow ?? false;
          return showResults(client, terminal, { job, after, follow, format, quiet: options.quiet ?? false });
        }),
      ),
    );
}

function cancelCommand(terminal: Terminal): Command {
  return withServerOptions(new Command('cancel').description('Cancel a job: rows that have not started are not run'))
    .argument('<job>', 'id of the job')
    .action(
      action(terminal, (job: string, options: ServerOptions) =>
        withClient(terminal, options, async (client) => {
          const failed = await client.done(`/jobs/${encodeURIComponent(job)}/cancel`, { method: 'POST' });
          if (failed !== null) return failed;
          await writeText(terminal.stderr, `cancel of job ${visible(job)} was asked for\n`);
          return 'ok';
        }),
      ),
    );
}
