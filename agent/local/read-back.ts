// After a crash: a local run whose end is not in the log. What was about to change something is read back, the run ends as `interrupted`, and
// nothing of it is sent again. Rows that had not started were never on this disk: only who asked for them knows them.
import { refuse } from '../../protocol/error-codes.ts';
import { rowEndLine, type RowOutcome } from '../../protocol/result-envelope.ts';
import type { Connection } from '../connection.ts';
import { findAction } from '../iam/catalogue.ts';
import { isAllowed } from '../job/allow-list.ts';
import { envelopeLines, refusalEnvelope } from '../job/envelope.ts';
import { runRow } from '../job/pipeline.ts';
import type { Plan } from '../job/plan.ts';
import type { LocalRunPorts } from './local-run.ts';
import type { RunIntent, StoredRun } from './run-log.ts';

export interface ReadBackPorts extends LocalRunPorts {
  readonly connections: ReadonlyMap<string, Connection>;
}

/** Resolves with the run as it ended, or null when the process stops first: the next start goes on. */
export async function readBackRun(found: StoredRun, ports: ReadBackPorts): Promise<StoredRun | null> {
  const { log, events, clock, connections } = ports;
  let run = found;
  const intents = await log.runIntents(run.id);
  const { action, connection } = run;
  events('run.interrupted', { run: run.id, action, connection, underWay: intents.length });
  const end = async (row: number, lines: readonly string[], items: number, outcome: RowOutcome): Promise<void> => {
    const all = [...lines, rowEndLine(row, items, outcome)];
    const from = run.entries + 1;
    const outcomes = { ...run.outcomes, [outcome]: (run.outcomes[outcome] ?? 0) + 1 };
    run = { ...run, outcomes, entries: run.entries + all.length };
    await log.commitRuns([
      { kind: 'run_entries', run: run.id, from, lines: all },
      { kind: 'run_row_ended', run: run.id, row },
      { kind: 'run', run },
    ]);
  };
  const plan = planOf(run, connections);
  for (const intent of intents) {
    if (plan === null) {
      const { lines } = envelopeLines(intent.row, null, [refusalEnvelope(refuse('outcome_unknown', notAllowed))]);
      await end(intent.row, lines, lines.length, 'unknown');
    } else if (!(await readBackRow(run, plan, intent, { ...ports, end }))) return null;
  }
  run = { ...run, end: 'interrupted', endedAt: clock.now() };
  await log.commitRuns([{ kind: 'run', run }]);
  events('run.read_back', { run: run.id, action, connection, ...run.outcomes });
  return run;
}

const notAllowed =
  'the call may have been carried out before a restart; the host no longer allows the action, so it was not read back';

function planOf(run: StoredRun, connections: ReadonlyMap<string, Connection>): Plan | null {
  const connection = connections.get(run.connection);
  const action = findAction(run.action);
  if (connection === undefined || action === undefined || !isAllowed(connection.allow, action)) return null;
  return { action, connection, inputs: [], references: {}, secretNames: new Set(), options: {} };
}

interface RowEnding {
  readonly end: (row: number, lines: readonly string[], items: number, outcome: RowOutcome) => Promise<void>;
}

async function readBackRow(
  run: StoredRun,
  plan: Plan,
  { row, intent }: RunIntent,
  { end, ...ports }: ReadBackPorts & RowEnding,
): Promise<boolean> {
  const outcome = await runRow(
    plan,
    { row, line: '{}', progress: { items: 0, marker: null, intent } },
    {
      ...ports,
      work: { run: run.id },
      sessionName: plan.connection.roleSessionName ?? `iam-agent-exec-${ports.clock.now()}`,
      waits: ports.drain,
      reads: ports.signal,
      stop: () => null,
      room: () => Promise.resolve(),
      sink: {
        progress: () => Promise.reject(new Error('reading back makes no progress')),
        end: (index, { lines, items, outcome: how }) => end(index, lines, items, how),
      },
    },
  );
  return outcome !== null;
}
