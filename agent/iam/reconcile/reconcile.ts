// After a call whose outcome nobody saw (crash, broken connection): read back what is there and say so. It ends in an error envelope always;
// it never claims a success that was not seen and never repeats the call. It changes one thing only, if the host asks for it: the one
// credential that the call must have made, and whose secret is lost, is made inactive.
import type { Envelope } from '../../../protocol/result-envelope.ts';
import type { Clock } from '../../job/clock.ts';
import type { JsonObject } from '../decode.ts';
import { failureEnvelope } from '../errors.ts';
import { formOf, type PreparedCall } from '../inputs.ts';
import { isFound, judge, type Mark, nothingSeen, type Readable, type Reading, seeing } from './judge.ts';
import { markKey } from './mark.ts';
import { type OrphanPorts, withOrphan } from './orphan.ts';
import { type ReadDeps, readItems, readRetryMs } from './read.ts';
import type { BeforeRecord } from './record.ts';
import { textOf } from './rule.ts';
import { readBackOf } from './table.ts';

export interface ReconcileDeps extends Omit<ReadDeps, 'retryForMs'>, OrphanPorts {
  readonly clock: Clock;
}

/** Reads over the read-back time, the first at once and the last at its end. */
const reads = 6;

async function readMark(
  rule: Readable,
  call: PreparedCall,
  deps: ReadDeps,
  items: readonly JsonObject[],
): Promise<Mark> {
  if (rule.kind !== 'named' || rule.mark === undefined || call.mark === undefined) return null;
  const item = items.find((one) => isFound(rule.find ?? {}, call.input, one));
  if (item === undefined) return null;
  const tags = await readItems(rule.mark, { ...call.input, ...item }, call, deps);
  if (tags.kind === 'failed') return { unread: tags.reason };
  if (tags.none) return { unread: 'AWS does not know it under its name yet' };
  const found = tags.items.find((tag) => tag['Key'] === markKey);
  if (found === undefined) return { none: true };
  const mark = textOf(found['Value']);
  return mark === call.mark ? 'ours' : { other: mark.slice(0, 256) };
}

/** Reads until no further read can tell more, or the time is over. Rejects only with the signal's reason. */
async function readUntilSettled(
  rule: Readable,
  call: PreparedCall,
  before: BeforeRecord | null,
  ports: Omit<ReadDeps, 'retryForMs'> & { readonly clock: Clock },
): Promise<Reading> {
  const { clock, signal, connection } = ports;
  const endAtMs = clock.monotonicMs() + connection.readBackSeconds * 1000;
  const stepMs = (connection.readBackSeconds * 1000) / (reads - 1);
  // One read that is repeated must not take the time of the others.
  const deps = { ...ports, retryForMs: Math.min(readRetryMs, stepMs) };
  let seen = nothingSeen;
  let mark: Mark = null;
  for (;;) {
    signal.throwIfAborted();
    const listed = await readItems(rule.read, call.input, call, deps);
    seen = seeing(seen, rule.read, listed);
    if (listed.kind === 'items') mark = await readMark(rule, call, deps, listed.items);
    signal.throwIfAborted();
    const reading = judge(rule, call, before, { seen, mark });
    const leftMs = endAtMs - clock.monotonicMs();
    if (reading.settled || leftMs <= 0) return reading;
    await clock.sleep(Math.min(leftMs, Math.max(1, stepMs)), signal);
  }
}

/**
 * Ends in one envelope with `outcome_unknown`: the wanted state holds now, does not hold, or could not be read. `why` says how the answer was
 * lost. Rejects only with the signal's reason.
 */
export async function reconcile(
  call: PreparedCall,
  before: BeforeRecord | null,
  why: string,
  deps: ReconcileDeps,
): Promise<Envelope> {
  const { operation } = call.action;
  const rule = readBackOf(operation);
  const lead = `The outcome of ${operation} is unknown: the call may or may not have been carried out (${why.replace(/\.$/, '')}).`;
  const end = (sentence: string): Envelope => failureEnvelope(formOf(call), 'outcome_unknown', `${lead} ${sentence}`);
  if (rule === undefined || rule.kind === 'unreadable') {
    const reason = rule?.reason ?? 'this agent knows no read for it';
    return end(`Whether the wanted state holds could not be read: ${reason}.`);
  }
  const reading = await readUntilSettled(rule, call, before, deps);
  const orphan = await withOrphan(rule, call, before, reading, {
    ...deps,
    readBack: (update) => stateOf(update, deps),
  });
  return end(orphan === null ? reading.sentence : `${reading.sentence} ${orphan}`);
}

async function stateOf(call: PreparedCall, deps: ReconcileDeps): Promise<string> {
  const rule = readBackOf(call.action.operation);
  if (rule === undefined || rule.kind === 'unreadable') throw new Error(`${call.action.name} cannot be read back`);
  return (await readUntilSettled(rule, call, null, deps)).sentence;
}
