// `iam-agent exec`: runs an action here and now, without a control plane, through the same steps as a job from "allow" on. A running agent is
// asked over its local socket, so that there is one policy, one limiter, one set of turns and one journal; else this process takes the state
// directory itself.
import { setTimeout as delay } from 'node:timers/promises';
import { Command, InvalidArgumentError, Option } from 'commander';
import { type Refusal, isRefusal } from '../../protocol/error-codes.ts';
import type { JobOptions } from '../../protocol/job-claims.ts';
import { limits } from '../../protocol/limits.ts';
import { safeParse } from '../../protocol/safe-parse.ts';
import { type EnvelopeFormat, envelopeFormats } from '../../terminal/write-envelopes.ts';
import { type ExitCode, exitCodeHelp } from '../../terminal/exit-codes.ts';
import { type Failure, failure, isFailure } from '../../terminal/fail.ts';
import { parseSets } from '../../terminal/parse-set.ts';
import { action } from '../../terminal/program.ts';
import { exitOfStop, type Terminal } from '../../terminal/terminal.ts';
import type { AgentConfig } from '../config/load-config.ts';
import { nodeHashing } from '../../node/hashing.ts';
import { askExec, type Said } from '../io/local-client.ts';
import { configDigest } from '../local/local-runs.ts';
import { type RunId, runIdSchema } from '../local/run-log.ts';
import type { RunEnded, RunHead } from '../local/wire.ts';
import { ExecOutput, type ExecShow } from './exec-output.ts';
import { localClient, localFailure } from './local.ts';
import { configOf, configOption } from './with-config.ts';

interface ExecOptions extends ExecShow {
  readonly connection: string;
  readonly set: readonly string[];
  readonly dryRun?: boolean;
  readonly concurrency?: number;
  readonly onError?: 'continue' | 'stop';
  readonly again?: RunId;
  readonly journal: boolean;
  readonly rowDeadline?: number;
}

/** An agent that starts or stops holds the state directory and does not answer yet, or any more. */
const lockedForMs = 5_000;
const lookAgainMs = 200;

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
    .addOption(
      new Option('--format <format>', 'how results are printed')
        .choices(envelopeFormats)
        .default('jsonl' satisfies EnvelopeFormat),
    )
    .option('--ordered', 'print results in the order of the rows, not as they come')
    .option('--dry-run', 'check and render everything, call nothing')
    .option('--concurrency <n>', "rows at once, at most the connection's own limit", positive)
    .addOption(new Option('--on-error <what>', 'what a failed row means for the others').choices(['continue', 'stop']))
    .option('--row-deadline <seconds>', 'longest time for one row, from its start', seconds)
    .option('--again <run>', 'repeat a run that was cut off, after a look at what it did (`iam-agent runs`)', runId)
    .option('--no-journal', 'change things even when no journal can be kept: after a crash nothing is read back')
    .addHelpText(
      'after',
      exitCodeHelp([
        'ok',
        'row_failed',
        'usage',
        'bad_data',
        'unavailable',
        'io',
        'temporary',
        'permission',
        'configuration',
        'interrupted',
      ]),
    );
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
  const whole = await configOf(command, terminal);
  // A running agent needs nothing of the file but where it is: its connections may not be for this user to read.
  const config = isFailure(whole) ? await configOf(command, terminal, { connections: false }) : whole;
  if (isFailure(config)) return isFailure(whole) ? whole : config;
  for (const { text } of config.warnings) terminal.stderr.write(`warning: ${text}\n`);
  const inputs = await parseSets(options.set);
  if (isFailure(inputs)) return inputs;
  const connection = config.connections.find(({ label }) => label === options.connection);
  const head: RunHead = {
    action: name,
    connection: options.connection,
    inputs,
    options: jobOptions(options),
    config: connection === undefined ? null : configDigest({ connection }, nodeHashing),
    again: options.again ?? null,
  };
  const asking = { terminal, version, head, options, config, whole };
  const untilMs = performance.now() + lockedForMs;
  for (;;) {
    const ended = await ask(asking);
    const locked = isFailure(ended) && ended.code === 'state_locked';
    if (!locked || terminal.signal.aborted || performance.now() > untilMs) return ended;
    await delay(lookAgainMs);
  }
}

interface Asking {
  readonly terminal: Terminal;
  readonly version: string;
  readonly head: RunHead;
  readonly options: ExecOptions;
  readonly config: AgentConfig;
  /** The configuration with its connections, or what is wrong with it. */
  readonly whole: AgentConfig | Failure;
}

async function ask({ terminal, version, head, options, config, whole }: Asking): Promise<ExitCode | Failure> {
  const output = new ExecOutput(terminal, options);
  try {
    const started = (run: RunId, configDiffers: boolean): void => {
      output.started(run);
      if (configDiffers) terminal.stderr.write(differs(head, config));
    };
    const work = { head, rows: output.rows(), deliver: output.deliver, started, signal: terminal.signal };
    const asked = await askExec(localClient(config, version, terminal), work);
    if (!isRefusal(asked) || (asked.code !== 'agent_not_running' && asked.code !== 'state_damaged'))
      return await ending(asked, output, terminal);
    if (isFailure(whole)) return whole;
    // Loaded only here: the way to AWS takes longer to load than a running agent to answer.
    const { execHere } = await import('./exec-here.ts');
    const here = { config: whole, version, terminal, journal: options.journal };
    const done = await execHere(here, { head, rows: output.rows(), deliver: output.deliver, started: output.started });
    return isFailure(done) && !output.hasStarted ? done : await ending(done, output, terminal);
  } finally {
    output.close();
  }
}

async function ending(
  asked: RunEnded | Refusal | Said | Failure | null,
  output: ExecOutput,
  terminal: Terminal,
): Promise<ExitCode | Failure> {
  if (asked !== null && 'kind' in asked && asked.kind !== 'failure') return localFailure(asked);
  const { run } = output;
  if (asked === null && run === null) return failure('unavailable', 'agent_not_running', 'the agent went away');
  const bad = await output.end();
  if (asked !== null && 'kind' in asked) return asked;
  if (bad !== null) return bad;
  if (terminal.signal.aborted) return exitOfStop(terminal.signal);
  if (asked === null)
    return failure(
      'unavailable',
      'agent_not_running',
      'the agent went away in the middle',
      `when it runs again: iam-agent runs ${run} (changes are read back at its start)`,
    );
  if (asked.end === 'drained')
    return failure(
      'temporary',
      'agent_draining',
      `the agent is stopping: ${output.ended} ${output.ended === 1 ? 'row has' : 'rows have'} ended, no other was run`,
      `iam-agent runs ${run} shows what was done`,
    );
  return output.notSucceeded > 0 ? 'row_failed' : 'ok';
}

function differs({ connection, config: digest }: RunHead, { file }: AgentConfig): string {
  const found =
    digest === null
      ? `connection "${connection}" could not be read from ${file}`
      : `the running agent has connection "${connection}" otherwise than ${file}`;
  return `warning: ${found}; what the agent was started with applies\n`;
}

function jobOptions({ dryRun, concurrency, onError, rowDeadline }: ExecOptions): JobOptions {
  return {
    ...(dryRun === true ? { dry_run: true } : {}),
    ...(concurrency === undefined ? {} : { concurrency }),
    ...(onError === undefined ? {} : { on_error: onError }),
    ...(rowDeadline === undefined ? {} : { row_deadline_seconds: rowDeadline }),
  };
}

function collect(value: string, before: readonly string[]): readonly string[] {
  return [...before, value];
}

const positive = upTo(64);
const seconds = upTo(limits.rowDeadlineSeconds);

function upTo(most: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!Number.isSafeInteger(value) || value < 1 || value > most)
      throw new InvalidArgumentError(`expected a number from 1 to ${most}`);
    return value;
  };
}

function runId(text: string): RunId {
  const id = safeParse(runIdSchema, text);
  if (!id.success) throw new InvalidArgumentError('expected the id of a run, as `iam-agent runs` shows it');
  return id.data;
}
