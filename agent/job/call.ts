// Step "call": one checked call against AWS, page by page. A call that changes something leaves only after its intent is durable, and
// when nobody knows whether AWS acted on it, it is read back and reported, never sent again.
import { type Refusal, refuse } from '../../protocol/error-codes.ts';
import type { Json } from '../../protocol/json.ts';
import type { Envelope, RowOutcome } from '../../protocol/result-envelope.ts';
import type { Connection } from '../connection.ts';
import { findAction } from '../iam/catalogue.ts';
import type { IamCaller } from '../iam/iam-caller.ts';
import { formOf, type PreparedCall } from '../iam/inputs.ts';
import { beforeCall } from '../iam/reconcile/before.ts';
import { reconcile } from '../iam/reconcile/reconcile.ts';
import { type BeforeRecord, beforeRecordOf } from '../iam/reconcile/record.ts';
import { turnKey } from '../iam/reconcile/turn.ts';
import { runAction } from '../iam/run-action.ts';
import type { Clock } from './clock.ts';
import type { RowProgress } from './journal.ts';
import type { Stop, StopSignals } from './stops.ts';
import type { Turns } from './turns.ts';

export interface CallPorts extends StopSignals {
  readonly caller: IamCaller;
  readonly clock: Clock;
  readonly connection: Connection;
  readonly sessionName: string;
  readonly turns: Turns;
  /** Makes the intent durable; resolves when it is. Null: the call was not made after all, so the row may run again. */
  readonly keepIntent: (intent: RowProgress['intent']) => Promise<void>;
  /** Why no further call may leave for this job, if so. Asked before every page, every change and every repetition. */
  readonly stop: () => Stop | null;
  /** Resolves when there is room for more results, or when `waits` is aborted. */
  readonly room: (waits: AbortSignal) => Promise<void>;
  /** Aborted when the process is to stop soon: calls under way go on, no further one is begun. */
  readonly drain: AbortSignal;
  /** Aborted when it stops now. */
  readonly signal: AbortSignal;
}

/** `outcome` is null while more pages follow. `interrupted`: the process stops; the row goes on after the next start. */
export type CallStep =
  | {
      readonly kind: 'page';
      /** The envelopes of rows are numbered. */
      readonly form: 'object' | 'rows';
      readonly envelopes: readonly Envelope[];
      readonly marker: string | null;
      readonly outcome: RowOutcome | null;
      readonly requestId: string | null;
    }
  | { readonly kind: 'refused'; readonly refusal: Refusal; readonly outcome: RowOutcome }
  | { readonly kind: 'interrupted' };

export function callAws(call: PreparedCall, progress: RowProgress | null, ports: CallPorts): AsyncGenerator<CallStep> {
  return call.action.repeat === 'safe' ? readPages(call, progress, ports) : change(call, ports);
}

async function* change(call: PreparedCall, ports: CallPorts): AsyncGenerator<CallStep> {
  const turn = turnKey(call, ports.connection);
  const step = await ports.turns.takeUnless(ports.waits, turn, () => changeOnce(call, ports));
  yield step ?? notBegun(ports);
}

/** Listings and other reads: repeatable, so stopping in the middle loses nothing. */
async function* readPages(
  call: PreparedCall,
  progress: RowProgress | null,
  ports: CallPorts,
): AsyncGenerator<CallStep> {
  const { caller, clock, connection, sessionName, drain, signal, reads, waits } = ports;
  const startMarker = progress?.marker ?? null;
  const pages = runAction(call, {
    caller,
    clock,
    connection,
    sessionName,
    startMarker,
    itemsBefore: progress?.items ?? 0,
    mayCall: () => ports.stop() === null,
    waits,
    signal: reads,
  });
  let what = startMarker === null ? 'this call' : nextPage;
  try {
    for await (const page of pages) {
      if (page.failure !== null && (signal.aborted || (drain.aborted && page.failure.code === 'cancelled'))) break;
      const cut = page.failure === null ? null : stopOf(ports, what);
      if (cut !== null) {
        yield cut;
        return;
      }
      const { envelopes, marker, requestId } = page;
      const more = marker !== null && page.failure === null;
      const outcome = more ? null : page.failure === null ? 'succeeded' : 'failed';
      yield { kind: 'page', form: formOf(call), envelopes, marker, outcome, requestId };
      if (!more) return;
      if (drain.aborted) break;
      await ports.room(waits);
      what = nextPage;
      const stopped = stopOf(ports, what);
      if (stopped !== null) {
        yield stopped;
        return;
      }
    }
  } catch (error) {
    if (!reads.aborted) throw error;
    // A wait within the action was cut off.
    const stopped = signal.aborted ? null : stopOf(ports, what);
    if (stopped !== null) {
      yield stopped;
      return;
    }
  }
  yield { kind: 'interrupted' };
}

/** Sent exactly once and never aborted: a change that was cut off half way is worse than one that ends. */
async function changeOnce(call: PreparedCall, ports: CallPorts): Promise<CallStep> {
  const { caller, connection, sessionName, clock, waits } = ports;
  const tooLate = tooLateToChange(ports);
  if (tooLate !== null) return tooLate;
  const record = await beforeCall(call, { caller, connection, sessionName, signal: waits });
  // Reading may have taken long, and may have been cut off.
  const tooLateNow = tooLateToChange(ports);
  if (tooLateNow !== null) return tooLateNow;
  await ports.keepIntent({ call: storedCall(call), record: record as Json });
  const unaborted = new AbortController().signal;
  const mayCall = (): boolean => !waits.aborted && ports.stop() === null;
  const options = { caller, clock, connection, sessionName, mayCall, waits, signal: unaborted };
  for await (const page of runAction(call, options)) {
    const { envelopes, requestId, failure } = page;
    if (failure?.outcomeUnknown === true) return readBack(call, record, envelopes[0]?.error ?? failure.code, ports);
    if (failure?.code === 'cancelled') {
      // It waited, or was throttled, until it had to stop: nothing was carried out.
      const step = notBegun(ports);
      if (step.kind === 'interrupted') await ports.keepIntent(null);
      return step;
    }
    const outcome = failure === null ? 'succeeded' : 'failed';
    return { kind: 'page', form: formOf(call), envelopes, marker: null, outcome, requestId };
  }
  throw new Error(`the action ${call.action.name} gave no page`);
}

function tooLateToChange(ports: CallPorts): CallStep | null {
  return ports.signal.aborted || ports.drain.aborted ? { kind: 'interrupted' } : stopOf(ports, 'this call');
}

/** Its waits were ended, so there is a reason: the process stops, or the job or the row must. */
function notBegun(ports: CallPorts): CallStep {
  return tooLateToChange(ports) ?? { kind: 'interrupted' };
}

const nextPage = 'the next page of the listing; the items before it were sent, the rest is missing';

const reasons: Readonly<Record<Exclude<Stop, 'interrupted'>, string>> = {
  expired: "the job's latest start of a call passed before",
  cancelled: 'the job was cancelled before',
  row_deadline: "the row's deadline (row_deadline_seconds) passed before",
};

/** `what` was not begun. */
function stopOf(ports: CallPorts, what: string): CallStep | null {
  const stop = ports.stop();
  if (stop === null) return null;
  if (stop === 'interrupted') return { kind: 'interrupted' };
  const outcome = stop === 'row_deadline' ? 'failed' : stop;
  return { kind: 'refused', refusal: refuse(stop, `${reasons[stop]} ${what}`), outcome };
}

/** After a crash: the intent is all that is known, so look what AWS says now. */
export async function resumeIntent(intent: NonNullable<RowProgress['intent']>, ports: CallPorts): Promise<CallStep> {
  const call = restoredCall(intent.call);
  const why = 'the agent stopped before its answer came';
  return ports.turns.take(turnKey(call, ports.connection), () =>
    readBack(call, beforeRecordOf(intent.record), why, ports),
  );
}

async function readBack(
  call: PreparedCall,
  before: BeforeRecord | null,
  why: string,
  ports: CallPorts,
): Promise<CallStep> {
  const { caller, connection, sessionName, clock, signal } = ports;
  const keepRecord = (record: BeforeRecord): Promise<void> =>
    ports.keepIntent({ call: storedCall(call), record: { ...record } as Json });
  // The host's own rule, and the end of a call that has left: neither the job's time nor a cancel stops it.
  let later = false;
  const mayChange = (): boolean => {
    later = ports.drain.aborted;
    return !later && ports.stop() !== 'interrupted';
  };
  const deps = { caller, connection, sessionName, clock, signal, keepRecord, mayChange };
  try {
    const envelope = await reconcile(call, before, why, deps);
    // What was not changed because the process stops is looked for again after the next start.
    if (signal.aborted || later) return { kind: 'interrupted' };
    return {
      kind: 'page',
      form: formOf(call),
      envelopes: [envelope],
      marker: null,
      outcome: 'unknown',
      requestId: null,
    };
  } catch (error) {
    if (signal.aborted) return { kind: 'interrupted' };
    throw error;
  }
}

function storedCall(call: PreparedCall): Json {
  const { action, input, roleArn, maxItems, mark } = call;
  return { action: action.name, input: { ...input }, roleArn, maxItems, ...(mark === undefined ? {} : { mark }) };
}

function restoredCall(stored: Json): PreparedCall {
  const { action: name, input } = stored as { action: string; input: Record<string, Json> };
  const { roleArn, maxItems, mark } = stored as { roleArn: string | null; maxItems: number | null; mark?: string };
  const action = findAction(name);
  if (action === undefined) throw new Error(`the journal names the action ${name}, which this version does not have`);
  // Only changes are stored, and a change gives one envelope and waits for nothing.
  const marked = mark === undefined ? {} : { mark };
  return { action, input, roleArn, maxItems, asRows: false, waitSeconds: null, ...marked };
}
