// `exec` while no agent runs: the same runs, limiter and journal in the command's own process, for as long as it lives.
import { existsSync } from 'node:fs';
import { isRefusal } from '../../protocol/error-codes.ts';
import { failure, type Failure } from '../../terminal/fail.ts';
import type { Terminal } from '../../terminal/terminal.ts';
import { awsCaller } from '../compose.ts';
import { makeLocalRuns } from '../compose-local.ts';
import type { AgentConfig } from '../config/load-config.ts';
import { systemClock } from '../io/clock-system.ts';
import { allowJob } from '../job/allow-job.ts';
import { Turns } from '../job/turns.ts';
import { noRunLog } from '../local/no-run-log.ts';
import type { RunId } from '../local/run-log.ts';
import type { RunEnded, RunHead } from '../local/wire.ts';
import { localFailure } from './local.ts';
import { takeState, type TakenState } from './state.ts';

export interface Here {
  readonly config: AgentConfig;
  readonly version: string;
  readonly terminal: Terminal;
  /** False: a change may leave although no journal can be kept. */
  readonly journal: boolean;
}

export interface HereWork {
  readonly head: RunHead;
  readonly rows: AsyncIterable<string>;
  readonly started: (run: RunId) => void;
  readonly deliver: (line: string) => Promise<void>;
}

export async function execHere(here: Here, work: HereWork): Promise<RunEnded | Failure> {
  const { config, terminal } = here;
  const { head } = work;
  const plan = allowJob(head, new Map(config.connections.map((connection) => [connection.label, connection])));
  if (isRefusal(plan)) return localFailure(plan);
  const changes = plan.action.repeat !== 'safe' && head.options.dry_run !== true;
  // Reading leaves nothing behind, so it makes no directory either.
  const state = changes || existsSync(config.stateDir) ? await takeState(config.stateDir, terminal.env) : null;
  if (state === null || state.kind === 'taken') return runHere(here, work, state);
  if (isRefusal(state)) return localFailure(state);
  if (changes && here.journal)
    return failure(
      'io',
      'journal_required',
      state.reason,
      "run it as the agent's user (sudo -u iam-agent iam-agent exec …) or start the agent; with --no-journal it runs all the same, and after a crash nobody knows what it had begun",
    );
  terminal.stderr.write(
    `warning: ${state.reason}; this run is in no journal, and its calls are paced apart from those of a running agent\n`,
  );
  return runHere(here, work, null);
}

async function runHere(
  { config, version, terminal }: Here,
  { head, rows, started, deliver }: HereWork,
  state: TakenState | null,
): Promise<RunEnded | Failure> {
  const clock = systemClock();
  const caller = awsCaller(config.connections, { version, clock, events: () => undefined });
  const now = new AbortController();
  let fault: { readonly error: unknown } | null = null;
  const runs = makeLocalRuns({
    config,
    connections: config.connections,
    log: state?.log ?? noRunLog,
    clock,
    events: () => undefined,
    caller,
    turns: new Turns(),
    onFault: (error) => (fault ??= { error }),
    drain: new AbortController().signal,
    signal: now.signal,
  });
  try {
    await runs.recover();
    const accepted = await runs.accept(head);
    if (isRefusal(accepted)) return localFailure(accepted);
    started(accepted.id);
    const each = async (lines: readonly string[]): Promise<void> => {
      for (const line of lines) await deliver(line);
    };
    const ended = await accepted.go({ rows, deliver: each, signal: terminal.signal });
    return fault === null ? ended : journalFailed(fault);
  } finally {
    // What an earlier crash left is read back to its end, unless the user has had enough.
    if (terminal.signal.aborted) now.abort();
    terminal.signal.addEventListener('abort', () => now.abort(), { once: true });
    await runs.idle();
    caller.close();
    await state?.release();
  }
}

function journalFailed({ error }: { readonly error: unknown }): Failure {
  const reason = error instanceof Error ? error.message : 'unknown';
  return failure('io', 'state_damaged', `the journal failed: ${reason}`, 'check the disk of the state directory');
}
