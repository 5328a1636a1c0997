// Local runs on a real journal with a scripted AWS: what tests of agent/local start from.
import { randomUUID } from 'node:crypto';
import { systemClock } from '../../agent/io/clock-system.ts';
import { nodeHashing } from '../../node/hashing.ts';
import type { Connection } from '../../agent/connection.ts';
import type { IamCaller } from '../../agent/iam/iam-caller.ts';
import { Turns } from '../../agent/job/turns.ts';
import { type AcceptedRun, LocalRuns, type LocalRunsPorts } from '../../agent/local/local-runs.ts';
import type { RunCaller } from '../../agent/local/local-run.ts';
import { type RunId, runIdSchema, type RunLog, type StoredRun } from '../../agent/local/run-log.ts';
import type { RunHead } from '../../agent/local/wire.ts';
import { isRefusal } from '../../protocol/error-codes.ts';
import { aConnection } from './job-fixture.ts';

export const runIdOf = (number: number): RunId =>
  runIdSchema.parse(`00000000-0000-4000-8000-${String(number).padStart(12, '0')}`);

export function runOf(number: number, change: Partial<StoredRun> = {}): StoredRun {
  return {
    id: runIdOf(number),
    action: 'create_access_key',
    connection: 'main',
    invocation: nodeHashing.sha256('one'),
    changes: true,
    startedAt: 1_000 + number,
    endedAt: null,
    end: null,
    outcomes: {},
    entries: 0,
    repeated: false,
    forgetAt: 10_000,
    ...change,
  };
}

export const headOf = (action: string, change: Partial<RunHead> = {}): RunHead => ({
  action,
  connection: 'main',
  inputs: { Username: '{{ user }}' },
  options: {},
  config: null,
  again: null,
  ...change,
});

export interface RunsFixture {
  readonly runs: LocalRuns;
  readonly events: (readonly [string, Readonly<Record<string, unknown>>])[];
  readonly faults: unknown[];
  readonly drain: AbortController;
  readonly abort: AbortController;
  readonly accept: (head: RunHead) => Promise<AcceptedRun>;
}

export function runsFixture(
  log: RunLog,
  caller: IamCaller,
  change: Partial<LocalRunsPorts> & { readonly connection?: Partial<Connection> } = {},
): RunsFixture {
  const [drain, abort] = [new AbortController(), new AbortController()];
  const events: [string, Readonly<Record<string, unknown>>][] = [];
  const faults: unknown[] = [];
  const { connection, ...ports } = change;
  const runs = new LocalRuns({
    log,
    hashing: nodeHashing,
    clock: systemClock(),
    caller,
    turns: new Turns(),
    events: (name, fields) => void events.push([name, fields]),
    connections: new Map([['main', { ...aConnection, ...connection }]]),
    newId: () => runIdSchema.parse(randomUUID()),
    keepMs: 1_000_000,
    onFault: (error) => void faults.push(error),
    drain: drain.signal,
    signal: abort.signal,
    ...ports,
  });
  return {
    runs,
    events,
    faults,
    drain,
    abort,
    accept: async (head) => {
      const accepted = await runs.accept(head);
      if (isRefusal(accepted)) throw new Error(`${accepted.code}: ${accepted.detail}`);
      return accepted;
    },
  };
}

/** Keeps what was delivered. */
export function collecting(
  rows: Iterable<string>,
): RunCaller & { readonly lines: string[]; readonly stop: AbortController } {
  const lines: string[] = [];
  const stop = new AbortController();
  return {
    lines,
    stop,
    signal: stop.signal,
    rows: (async function* () {
      yield* rows;
    })(),
    deliver: async (more) => void lines.push(...more),
  };
}

export const usersOf = (count: number): string[] =>
  Array.from({ length: count }, (_, row) => JSON.stringify({ user: `user-${row}` }));
