// The life of a job, in order. Only this page calls the steps; each step is a file of the same name.
//
//   frame in ─▶ verify ─▶ allow job ─▶ journal ─▶ queue ─▶ render ─▶ allow row ─▶ call (normalise) ─▶ envelope ─▶ spool ─▶ frame out
//                  │          │                              │            │             │
//                  └──────────┴── job.rejected, coded        └────────────┴─────────────┴── an error envelope; the other rows go on
//
// frame-in.ts takes a job as far as the journal, run-job.ts queues its rows; `iam-agent exec` comes in at allow (local/local-run.ts). Below: what happens to one row.
import { type ErrorCode, type Refusal, isRefusal } from '../../protocol/error-codes.ts';
import type { Envelope, RowOutcome } from '../../protocol/result-envelope.ts';
import type { EventSink } from '../events.ts';
import type { IamCaller } from '../iam/iam-caller.ts';
import { formOf, type PreparedCall } from '../iam/inputs.ts';
import { markCall } from '../iam/reconcile/mark.ts';
import { allowRow } from './allow-row.ts';
import { type CallPorts, type CallStep, callAws, resumeIntent } from './call.ts';
import type { Clock } from './clock.ts';
import { dryRunEnvelope, envelopeLines, refusalEnvelope } from './envelope.ts';
import type { PendingRow, RowProgress } from './journal.ts';
import type { Plan } from './plan.ts';
import { renderRow } from './render.ts';
import { withRowDeadline } from './row-deadline.ts';
import type { Stop, StopSignals } from './stops.ts';
import type { Turns } from './turns.ts';

/** Step "spool": where a row's results go. Each promise resolves when what it took is as safe as it gets: on disk, or printed. */
export interface RowSink {
  progress(row: number, lines: readonly string[], progress: RowProgress): Promise<void>;
  end(row: number, end: { lines: readonly string[]; items: number; outcome: RowOutcome }): Promise<void>;
}

export interface RowPorts extends StopSignals {
  /** Names the work in events, and in what it makes if the connection marks that: an id is used once. */
  readonly work: { readonly job: string } | { readonly run: string };
  readonly sessionName: string;
  readonly caller: IamCaller;
  readonly clock: Clock;
  readonly turns: Turns;
  readonly sink: RowSink;
  readonly events: EventSink;
  readonly stop: () => Stop | null;
  readonly room: (waits: AbortSignal) => Promise<void>;
  readonly drain: AbortSignal;
  readonly signal: AbortSignal;
}

/** Null when the process stops before the row ended: it stays in the journal and goes on after the next start. */
export function runRow(plan: Plan, pending: PendingRow, ports: RowPorts): Promise<RowOutcome | null> {
  return withRowDeadline(plan.options.row_deadline_seconds, ports, (bounded) => runBounded(plan, pending, bounded));
}

async function runBounded(plan: Plan, pending: PendingRow, ports: RowPorts): Promise<RowOutcome | null> {
  const startedMs = ports.clock.monotonicMs();
  let items = pending.progress?.items ?? 0;
  for await (const step of stepsOf(plan, pending, ports)) {
    if (step.kind === 'interrupted') return null;
    const page = asPage(step);
    const firstItem = page.form === 'rows' ? items : null;
    const { lines, fault } = envelopeLines(pending.row, firstItem, page.envelopes);
    items += lines.length;
    if (page.outcome === null && fault === null) {
      await ports.sink.progress(pending.row, lines, { items, marker: page.marker, intent: null });
      continue;
    }
    // An envelope that did not fit makes a success a failure; what is unknown stays unknown.
    const lost = fault !== null && (page.outcome === null || page.outcome === 'succeeded');
    const outcome = lost ? 'failed' : (page.outcome ?? 'failed');
    await ports.sink.end(pending.row, { lines, items, outcome });
    report(plan, pending, ports, { outcome, items, code: fault ?? codeOf(page.envelopes), startedMs });
    return outcome;
  }
  throw new Error('a row ended without an outcome');
}

/** Hands on what the steps themselves come from: a generator around another costs a row more than its signature. */
function stepsOf(
  plan: Plan,
  pending: PendingRow,
  ports: RowPorts,
): AsyncIterable<CallStep> | Iterable<CallStep | Promise<CallStep>> {
  const callPorts = callPortsOf(plan, pending, ports);
  if (pending.progress?.intent) return [resumeIntent(pending.progress.intent, callPorts)];
  const rendered = renderRow(plan, pending.line);
  const allowed = isRefusal(rendered) ? rendered : allowRow(plan, rendered);
  const marked = plan.connection.markCreated && !isRefusal(allowed);
  const call = marked ? markCall(allowed, `${workId(ports.work)}/${pending.row}`) : allowed;
  if (isRefusal(call)) return [refused(call)];
  if (plan.options.dry_run === true) return [answered(call, dryRunEnvelope(call))];
  return callAws(call, pending.progress, callPorts);
}

const workId = (work: RowPorts['work']): string => ('job' in work ? work.job : work.run);

function callPortsOf(plan: Plan, pending: PendingRow, ports: RowPorts): CallPorts {
  const { caller, clock, turns, stop, room, drain, signal, waits, reads, sink, sessionName } = ports;
  const keepIntent: CallPorts['keepIntent'] = (intent) =>
    sink.progress(pending.row, [], { items: 0, marker: null, intent });
  const { connection } = plan;
  return { caller, clock, turns, stop, room, drain, signal, waits, reads, connection, sessionName, keepIntent };
}

type Page = Extract<CallStep, { kind: 'page' }>;

function asPage(step: Exclude<CallStep, { kind: 'interrupted' }>): Page {
  if (step.kind === 'page') return step;
  const envelopes = [refusalEnvelope(step.refusal)];
  return { kind: 'page', form: 'object', envelopes, marker: null, outcome: step.outcome, requestId: null };
}

function refused(refusal: Refusal): CallStep {
  return { kind: 'refused', refusal, outcome: 'refused' };
}

function answered(call: PreparedCall, envelope: Envelope): CallStep {
  return {
    kind: 'page',
    form: formOf(call),
    envelopes: [envelope],
    marker: null,
    outcome: 'succeeded',
    requestId: null,
  };
}

function codeOf(envelopes: readonly Envelope[]): ErrorCode | undefined {
  return envelopes.at(-1)?.error_code as ErrorCode | undefined;
}

function report(
  plan: Plan,
  pending: PendingRow,
  ports: RowPorts,
  end: { outcome: RowOutcome; items: number; code: ErrorCode | undefined; startedMs: number },
): void {
  if (end.outcome === 'unknown') ports.events('row.unknown', { ...ports.work, row: pending.row, code: end.code });
  ports.events('row.ended', {
    ...ports.work,
    connection: plan.connection.label,
    action: plan.action.name,
    row: pending.row,
    outcome: end.outcome,
    code: end.code,
    items: end.items,
    durationMs: ports.clock.monotonicMs() - end.startedMs,
  });
}
