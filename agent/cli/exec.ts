// `iam-agent exec`: runs an action here and now, without a control plane, through the same steps as a job from "allow" on.
import { randomUUID } from 'node:crypto';
import { Command, InvalidArgumentError, Option } from 'commander';
import { isRefusal } from '../../protocol/error-codes.ts';
import type { JobOptions } from '../../protocol/job-claims.ts';
import { rowEndLine } from '../../protocol/result-envelope.ts';
import {
  type EnvelopeFormat,
  envelopeFormats,
  envelopeWriter,
  type EnvelopeWriter,
} from '../../terminal/write-envelopes.ts';
import { type ExitCode, exitCodeHelp } from '../../terminal/exit-codes.ts';
import { type Failure, isFailure, refusalFailure } from '../../terminal/fail.ts';
import { parseSets } from '../../terminal/parse-set.ts';
import { action } from '../../terminal/program.ts';
import { progressReporter } from '../../terminal/progress.ts';
import { readRows } from '../../terminal/read-rows.ts';
import { summaryLine } from '../../terminal/summary.ts';
import { colourWanted, exitOfStop, type Terminal } from '../../terminal/terminal.ts';
import { awsCaller } from '../compose.ts';
import { systemClock } from '../io/clock-system.ts';
import { allowJob } from '../job/allow-job.ts';
import { type RowPorts, runRow } from '../job/pipeline.ts';
import type { Plan } from '../job/plan.ts';
import { Turns } from '../job/turns.ts';
import { configOf, configOption } from './with-config.ts';

interface ExecOptions {
  readonly connection: string;
  readonly set: readonly string[];
  readonly rows?: string;
  readonly format: EnvelopeFormat;
  readonly dryRun?: boolean;
  readonly concurrency?: number;
  readonly onError?: 'continue' | 'stop';
}

export function execCommand(terminal: Terminal, version: string): Command {
  const command = new Command('exec')
    .description('run an action on this host, without the control plane')
    .argument('<action>', 'for example list_access_keys; `iam-agent actions` lists them')
    .requiredOption('--connection <label>', 'the connection to use')
    .option(
      '--set <input=template>',
      "an input, for example --set 'Username={{ user }}'; again for each input",
      collect,
      [],
    )
    .option('--rows <file>', "rows as CSV, JSON Lines or a JSON array; '-' is standard input (default: one empty row)")
    .addOption(new Option('--format <format>', 'how results are printed').choices(envelopeFormats).default('jsonl'))
    .option('--dry-run', 'check and render everything, call nothing')
    .option('--concurrency <n>', "rows at once, at most the connection's own limit", positive)
    .addOption(new Option('--on-error <what>', 'what a failed row means for the others').choices(['continue', 'stop']))
    .addHelpText('after', exitCodeHelp(['ok', 'row_failed', 'usage', 'bad_data', 'configuration']));
  return configOption(command).action(
    action(terminal, (name: string, options: ExecOptions) => exec(command, terminal, version, { name, options })),
  );
}

async function exec(
  command: Command,
  terminal: Terminal,
  version: string,
  { name, options }: { name: string; options: ExecOptions },
): Promise<ExitCode | Failure> {
  const config = await configOf(command, terminal);
  if (isFailure(config)) return config;
  for (const { text } of config.warnings) terminal.stderr.write(`warning: ${text}\n`);
  const inputs = await parseSets(options.set);
  if (isFailure(inputs)) return inputs;
  const connections = new Map(config.connections.map((connection) => [connection.label, connection]));
  const request = { action: name, connection: options.connection, inputs, options: jobOptions(options) };
  const plan = allowJob(request, connections);
  if (isRefusal(plan)) return refusalFailure(plan, plan.code === 'action_not_allowed' ? 'permission' : 'bad_data');
  const clock = systemClock();
  const caller = awsCaller([plan.connection], { version, clock, events: () => undefined });
  const writer = envelopeWriter({
    format: options.format,
    out: terminal.stdout,
    colour: colourWanted(terminal.stdout, terminal.env),
  });
  try {
    const ports = {
      job: null,
      sessionName: plan.connection.roleSessionName ?? `iam-agent-exec-${clock.now()}`,
      markName: `exec-${randomUUID()}`,
      caller,
      clock,
      turns: new Turns(),
      events: () => undefined,
      stop: () => null,
      room: () => Promise.resolve(),
      drain: terminal.signal,
      signal: terminal.signal,
    };
    return await runRows(plan, options, terminal, writer, ports);
  } finally {
    caller.close();
  }
}

async function runRows(
  plan: Plan,
  options: ExecOptions,
  terminal: Terminal,
  writer: EnvelopeWriter,
  ports: Omit<RowPorts, 'sink'>,
): Promise<ExitCode | Failure> {
  const startedMs = ports.clock.monotonicMs();
  const progress = progressReporter({ out: terminal.stderr, nowMs: () => ports.clock.monotonicMs() });
  const sink = printingSink(writer);
  const underWay = new Set<Promise<void>>();
  const limit = Math.min(options.concurrency ?? plan.connection.limits.inFlight, plan.connection.limits.inFlight);
  let bad: Failure | null = null;
  let row = 0;
  for await (const line of rowsOf(options, terminal)) {
    if (isFailure(line)) {
      bad = line;
      break;
    }
    if (terminal.signal.aborted || (options.onError === 'stop' && writer.tally.notSucceeded > 0)) break;
    const work = runRow(plan, { row, line, progress: null }, { ...ports, sink }).then(() => {
      underWay.delete(work);
      const { ended, notSucceeded } = writer.tally;
      progress.update({ total: null, ended, failed: notSucceeded, waitingReason: null });
    });
    underWay.add(work);
    row += 1;
    if (underWay.size >= limit) await Promise.race(underWay);
  }
  await Promise.all(underWay);
  for (const remark of await writer.end()) terminal.stderr.write(`${remark}\n`);
  progress.hide();
  terminal.stderr.write(summaryLine(writer.tally, ports.clock.monotonicMs() - startedMs));
  if (bad !== null) return bad;
  if (terminal.signal.aborted) return exitOfStop(terminal.signal);
  return writer.tally.notSucceeded > 0 ? 'row_failed' : 'ok';
}

async function* rowsOf(options: ExecOptions, terminal: Terminal): AsyncGenerator<string | Failure> {
  if (options.rows === undefined) yield '{}';
  else yield* readRows(options.rows, { stdin: terminal.stdin });
}

/** Printed at once: without a control plane the terminal is the only place where results go. */
function printingSink(writer: EnvelopeWriter): RowPorts['sink'] {
  const print = async (lines: readonly string[]): Promise<void> => {
    for (const line of lines) await writer.write(line);
  };
  return {
    progress: (_row, lines) => print(lines),
    end: (row, { lines, items, outcome }) => print([...lines, rowEndLine(row, items, outcome)]),
  };
}

function jobOptions({ dryRun, concurrency, onError }: ExecOptions): JobOptions {
  return {
    ...(dryRun === true ? { dry_run: true } : {}),
    ...(concurrency === undefined ? {} : { concurrency }),
    ...(onError === undefined ? {} : { on_error: onError }),
  };
}

function collect(value: string, before: readonly string[]): readonly string[] {
  return [...before, value];
}

function positive(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1 || value > 64)
    throw new InvalidArgumentError('expected a number from 1 to 64');
  return value;
}
