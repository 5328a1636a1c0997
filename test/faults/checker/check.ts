// Proves the delivery guarantees from evidence that the agent does not make: what AWS carried out and what the control plane holds, laid beside
// what was asked. Imports nothing of the programs; every rule is from docs/protocol.md.
import { checkRow, type Entry, type RowSeen } from './check-row.ts';
import type { AskedJob, Effect, Evidence, Findings, StoredJob, Violation } from './evidence.ts';
import { readStatement, sha256 } from './statement.ts';

export type Report = (rule: string, row: number | null, detail: string) => void;

export function check({ parties, asked, effects, stored }: Evidence): Findings {
  const violations: Violation[] = [];
  const outcomes: Record<string, number> = {};
  const byJob = new Map(stored.map((job) => [job.id, job]));
  const byMarker = Map.groupBy(effects, ({ marker }) => marker);
  const markers = new Set(asked.flatMap(({ rows }) => rows.map(({ marker }) => marker)));
  for (const { marker, operation, n } of effects)
    if (!markers.has(marker))
      violations.push({ rule: 'effect without a row', job: null, row: null, detail: `${n}: ${operation} ${marker}` });
  for (const job of asked) {
    const report: Report = (rule, row, detail) => violations.push({ rule, job: job.id, row, detail });
    const held = byJob.get(job.id);
    if (held === undefined) report('job lost', null, 'the control plane does not know it');
    else checkJob(job, held, { parties, byMarker, outcomes, report });
  }
  return {
    jobs: asked.length,
    rows: asked.reduce((sum, { rows }) => sum + rows.length, 0),
    entries: stored.reduce((sum, { entries }) => sum + entries.length, 0),
    effects: effects.length,
    cut: effects.filter(({ answered }) => !answered).length,
    outcomes,
    violations,
  };
}

interface Context {
  readonly parties: Evidence['parties'];
  readonly byMarker: ReadonlyMap<string, readonly Effect[]>;
  /** Rows by outcome, over all jobs. */
  readonly outcomes: Record<string, number>;
  readonly report: Report;
}

function checkJob(asked: AskedJob, held: StoredJob, { parties, byMarker, outcomes, report }: Context): void {
  if (!asked.statuses.includes(held.status))
    report('not ended as it may', null, `it is ${held.status}; expected ${asked.statuses.join(' or ')}`);
  if (held.resultsLost !== 0)
    report('results lost', null, `${held.resultsLost} entries were acknowledged and are gone`);
  const head = checkChain(held, report);
  const rows = readRows(asked, held, report);
  const counts: Record<string, number> = {};
  for (const { end } of rows) {
    if (end === null) continue;
    counts[end.outcome] = (counts[end.outcome] ?? 0) + 1;
    outcomes[end.outcome] = (outcomes[end.outcome] ?? 0) + 1;
  }
  const accepted =
    held.statement === null ? wasAccepted(held, report) : checkLastWord(held, { parties, head, counts, report });
  for (const [index, row] of asked.rows.entries()) {
    const seen = rows[index] ?? { envelopes: [], end: null };
    // What a quarantined job did before, nobody can tell.
    const mayRun = !asked.refused && (accepted || held.status === 'quarantined');
    if (!mayRun && byMarker.has(row.marker)) report('effect of a job that does not run', index, `it is ${held.status}`);
    if (accepted && seen.end === null)
      report('row without an end', index, `${seen.envelopes.length} envelopes, no row_end`);
    checkRow(asked, index, seen, { effects: byMarker.get(row.marker) ?? [], report });
  }
}

/** A job without the agent's last word ended before it was signed, so it has no entries; a quarantined one has what it had. False: its rows need no end. */
function wasAccepted({ status, entries }: StoredJob, report: Report): boolean {
  if (status !== 'quarantined' && entries.length > 0)
    report('no last word', null, `${entries.length} entries, no statement`);
  return false;
}

/** Sequence 1, 2, 3 … and the chain over the lines as they are stored. Returns the head. */
function checkChain({ wireId, entries, lastSequence, head: stored }: StoredJob, report: Report): string {
  let head = sha256(`iam-agent.v1 results ${wireId}`);
  for (const [index, { sequence, line }] of entries.entries()) {
    if (sequence !== index + 1) {
      report('sequence', null, `entry ${index + 1} has the sequence ${sequence}`);
      break;
    }
    head = sha256(`${head}\n${line}`);
  }
  if (entries.length !== lastSequence)
    report('sequence', null, `${entries.length} entries, last_sequence ${lastSequence}`);
  if (head !== stored) report('chain', null, `the entries come to ${head}, the store says ${stored}`);
  return head;
}

function readRows(asked: AskedJob, { entries }: StoredJob, report: Report): RowSeen[] {
  const rows: RowSeen[] = asked.rows.map(() => ({ envelopes: [], end: null }));
  for (const { sequence, line } of entries) {
    const entry = JSON.parse(line) as Entry;
    const seen = rows[entry.row];
    if (seen === undefined) report('row that was not asked', entry.row, line);
    else if (seen.end !== null)
      report(entry.row_end ? 'second row_end' : 'entry after row_end', entry.row, `at ${sequence}`);
    else if (entry.row_end !== undefined) seen.end = entry.row_end;
    else seen.envelopes.push(entry);
  }
  return rows;
}

/** The signed statement says what the store holds. True when the job was accepted, so that each of its rows must have ended. */
function checkLastWord(
  held: StoredJob,
  {
    parties,
    head,
    counts,
    report,
  }: { parties: Evidence['parties']; head: string; counts: Readonly<Record<string, number>>; report: Report },
): boolean {
  const statement = readStatement(held.statement ?? '', parties);
  if (typeof statement === 'string') {
    report('last word', null, statement);
    return true;
  }
  const expect = (what: string, said: unknown, found: unknown): void => {
    const [left, right] = [JSON.stringify(said), JSON.stringify(found)];
    if (left !== right) report('last word', null, `${what}: it says ${left}, the store ${right}`);
  };
  const tombstone = statement.token_digest === null;
  expect('job', statement.jti, held.wireId);
  expect('head', statement.head, head);
  expect('last_sequence', statement.last_sequence, held.entries.length);
  expect('status', statement.status, held.status);
  expect('rows', sorted(statement.rows), sorted(counts));
  if (!tombstone) expect('token', statement.token_digest, held.tokenDigest);
  else if (held.status !== 'cancelled') report('last word', null, `a tombstone of a job that is ${held.status}`);
  return !tombstone;
}

function sorted(counts: Readonly<Record<string, number>>): [string, number][] {
  return Object.entries(counts).toSorted(([left], [right]) => (left < right ? -1 : 1));
}
