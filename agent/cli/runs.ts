// `iam-agent runs [ID]`: what `exec` did on this host, and what is kept of its results. A running agent is asked; else the journal is read here.
import { existsSync } from 'node:fs';
import { Command, InvalidArgumentError, Option } from 'commander';
import { type Refusal, isRefusal, refuse } from '../../protocol/error-codes.ts';
import { safeParse } from '../../protocol/safe-parse.ts';
import { type ExitCode, exitCodeHelp } from '../../terminal/exit-codes.ts';
import { failure, type Failure, isFailure } from '../../terminal/fail.ts';
import { action } from '../../terminal/program.ts';
import { colourWanted, type Terminal, writeText } from '../../terminal/terminal.ts';
import { type EnvelopeFormat, envelopeFormats, envelopeWriter } from '../../terminal/write-envelopes.ts';
import type { AgentConfig } from '../config/load-config.ts';
import { askJson, askRun, type LocalClient, type Said } from '../io/local-client.ts';
import { noRunLog } from '../local/no-run-log.ts';
import { runIdSchema, type RunLog } from '../local/run-log.ts';
import { runView } from '../local/status.ts';
import { localLimits } from '../local/local-limits.ts';
import { localPaths, runListSchema, type RunView } from '../local/wire.ts';
import { localClient, localFailure } from './local.ts';
import { runsTable } from './runs-text.ts';
import { takeState } from './state.ts';
import { configOf, configOption } from './with-config.ts';

interface RunsOptions {
  readonly json?: true;
  readonly limit: number;
  readonly format: EnvelopeFormat;
}

const entryPage = { maxCount: 500, maxBytes: 1024 * 1024 };

export function runsCommand(terminal: Terminal, version: string): Command {
  const command = new Command('runs')
    .description('what `exec` did on this host: the last runs, or the kept results of one that changed something')
    .argument('[run]', 'the id of a run')
    .option('--json', 'the list, or the run without its results, as JSON')
    .option('--limit <n>', 'how many of the newest runs', limit, 20)
    .addOption(new Option('--format <format>', 'how results are printed').choices(envelopeFormats).default('jsonl'))
    .addHelpText('after', exitCodeHelp(['ok', 'usage', 'bad_data', 'unavailable', 'io', 'temporary', 'configuration']));
  return configOption(command).action(
    action(terminal, (run: string | undefined, options: RunsOptions) =>
      runs(command, terminal, version, { run, options }),
    ),
  );
}

async function runs(
  command: Command,
  terminal: Terminal,
  version: string,
  { run, options }: { run: string | undefined; options: RunsOptions },
): Promise<ExitCode | Failure> {
  const config = await configOf(command, terminal, { connections: false });
  if (isFailure(config)) return config;
  const ask = run === undefined ? listing(terminal, options) : showing(terminal, options, run);
  const client = localClient(config, version, terminal);
  const answered = await ask(overSocket(client));
  if (answered === null) return 'ok';
  if (answered.kind !== 'refused' || answered.code !== 'agent_not_running') return localFailure(answered);
  return withJournal(config, terminal, ask);
}

/** Where runs are read: from a running agent, or from the journal. */
interface Source {
  list(count: number): Promise<readonly RunView[] | Refusal | Said>;
  show(
    run: string,
    work: { readonly found: (run: RunView) => void; readonly deliver: (line: string) => Promise<void> },
  ): Promise<Refusal | Said | null>;
}

type Ask = (source: Source) => Promise<Refusal | Said | null>;

function listing(terminal: Terminal, { json, limit: count }: RunsOptions): Ask {
  return async (source) => {
    const found = await source.list(count);
    if ('kind' in found) return found;
    await writeText(terminal.stdout, json === true ? `${JSON.stringify({ runs: found })}\n` : runsTable(found));
    return null;
  };
}

function showing(terminal: Terminal, { json, format }: RunsOptions, run: string): Ask {
  return async (source) => {
    const out = terminal.stdout;
    const writer = envelopeWriter({ format, out, colour: colourWanted(out, terminal.env) });
    const views: RunView[] = [];
    const deliver = async (line: string): Promise<void> => {
      if (json !== true) await writer.write(line);
    };
    const refused = await source.show(run, { found: (view) => void views.push(view), deliver });
    if (refused !== null) return refused;
    if (json === true) await writeText(out, `${JSON.stringify(views[0])}\n`);
    else {
      for (const remark of await writer.end()) terminal.stderr.write(`${remark}\n`);
      terminal.stderr.write(runsTable(views));
      if (views[0]?.changes === false) terminal.stderr.write('It changed nothing, so its results are not kept.\n');
    }
    return null;
  };
}

function overSocket(client: LocalClient): Source {
  return {
    list: async (count) => {
      const answer = await askJson(client, `${localPaths.runs}?limit=${count}`, runListSchema);
      return 'kind' in answer ? answer : answer.runs;
    },
    show: (run, work) => askRun(client, run, work),
  };
}

function ofLog(log: RunLog): Source {
  return {
    list: async (count) => (await log.recentRuns(count)).map(runView),
    show: async (run, { found, deliver }) => {
      const id = safeParse(runIdSchema, run).data;
      const stored = id === undefined ? null : await log.run(id);
      if (stored === null) return refuse('not_found', `this host remembers no run ${run}`);
      found(runView(stored));
      for (let from = 1; ;) {
        const lines = await log.runEntries(stored.id, from, entryPage);
        if (lines.length === 0) return null;
        from += lines.length;
        for (const line of lines) await deliver(line);
      }
    },
  };
}

async function withJournal(config: AgentConfig, terminal: Terminal, ask: Ask): Promise<ExitCode | Failure> {
  if (!existsSync(config.stateDir)) {
    const refused = await ask(ofLog(noRunLog));
    return refused === null ? 'ok' : localFailure(refused);
  }
  const state = await takeState(config.stateDir, terminal.env);
  if (isRefusal(state)) return localFailure(state);
  if (state.kind === 'unusable') return failure('io', 'state_damaged', state.reason);
  try {
    const refused = await ask(ofLog(state.log));
    return refused === null ? 'ok' : localFailure(refused);
  } finally {
    await state.release();
  }
}

function limit(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1 || value > localLimits.listedRuns)
    throw new InvalidArgumentError(`expected a number from 1 to ${localLimits.listedRuns}`);
  return value;
}
