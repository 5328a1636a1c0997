// After a call whose outcome nobody saw (crash, broken connection): read back what is there and say so. It ends in an error envelope always;
// it never claims a success that was not seen, never repeats a create and never changes anything.
import type { Json } from '../../protocol/json.ts';
import type { Envelope } from '../../protocol/result-envelope.ts';
import type { Connection } from '../connection.ts';
import type { Clock } from '../job/clock.ts';
import type { JsonObject } from './decode.ts';
import { failureEnvelope } from './errors.ts';
import type { IamCaller } from './iam-caller.ts';
import { formOf, type PreparedCall } from './inputs.ts';
import { callOnce } from './call-once.ts';

/** What was true before the call. Plain JSON: it goes into the journal before the call is made. */
export interface ReconcileRecord {
  readonly kind: 'access_keys_before';
  readonly userName: string;
  /** Null: they could not be read, for `reason`. */
  readonly keyIds: readonly string[] | null;
  readonly reason?: string;
}

export interface BeforeCallDeps {
  readonly caller: IamCaller;
  readonly connection: Connection;
  readonly sessionName: string;
  readonly signal: AbortSignal;
}

export interface ReconcileDeps extends BeforeCallDeps {
  readonly clock: Clock;
}

/** Reads over the read-back time, the first at once and the last at its end. */
const reads = 6;
/** A listing of one user has one page; more than this is no listing of one user. */
const maxPages = 20;

type Listed =
  | { readonly kind: 'items'; readonly items: readonly JsonObject[] }
  | { readonly kind: 'failed'; readonly reason: string };

const isObject = (value: Json): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

async function listForUser(
  call: PreparedCall,
  operation: string,
  member: string,
  deps: BeforeCallDeps,
): Promise<Listed> {
  const items: JsonObject[] = [];
  let marker: Json = null;
  for (let page = 0; page < maxPages; page += 1) {
    const once = await callOnce(deps.caller, {
      service: 'iam',
      operation,
      input: { UserName: call.input['UserName'] ?? null, ...(marker === null ? {} : { Marker: marker }) },
      connection: deps.connection,
      roleArn: call.roleArn,
      sessionName: deps.sessionName,
      repeat: 'safe',
      signal: deps.signal,
    });
    if (once.kind === 'failed') return { kind: 'failed', reason: once.failure.text };
    const found = once.result[member];
    if (Array.isArray(found)) for (const item of found) if (isObject(item)) items.push(item);
    if (once.result['IsTruncated'] !== true) return { kind: 'items', items };
    marker = once.result['Marker'] ?? null;
    if (marker === null) break;
  }
  return { kind: 'failed', reason: 'the listing did not come to its end' };
}

const listKeys = (call: PreparedCall, deps: BeforeCallDeps): Promise<Listed> =>
  listForUser(call, 'ListAccessKeys', 'AccessKeyMetadata', deps);

const text = (value: Json | undefined): string => (typeof value === 'string' ? value : '');

/**
 * To be called, and its answer stored, before a call that is not `repeat: safe`. Null: nothing need be known. It does not stop the call when
 * the keys cannot be read: a host may be allowed to create and not to list.
 */
export async function beforeCall(call: PreparedCall, deps: BeforeCallDeps): Promise<ReconcileRecord | null> {
  if (call.action.operation !== 'CreateAccessKey') return null;
  const userName = text(call.input['UserName']);
  const listed = await listKeys(call, deps);
  if (listed.kind === 'failed') return { kind: 'access_keys_before', userName, keyIds: null, reason: listed.reason };
  return { kind: 'access_keys_before', userName, keyIds: listed.items.map((item) => text(item['AccessKeyId'])) };
}

interface Reading {
  /** True when no further read can tell more. */
  readonly settled: boolean;
  readonly sentence: string;
}

const keyText = (key: JsonObject): string =>
  `${text(key['AccessKeyId'])} (${text(key['Status'])}, created ${text(key['CreateDate'])})`;

/** Collects over all reads: an IAM read lags, and a key once seen was there. */
function newKeys(record: ReconcileRecord | null, userName: string): (listed: Listed) => Reading {
  const seen = new Map<string, string>();
  const before = record?.keyIds ?? null;
  let failed = '';
  let readOnce = false;
  return (listed) => {
    if (listed.kind === 'failed') failed = listed.reason;
    else {
      readOnce = true;
      for (const key of listed.items) {
        const id = text(key['AccessKeyId']);
        if (before === null || !before.includes(id)) seen.set(id, keyText(key));
      }
    }
    const names = [...seen.values()].join(', ');
    const advice = 'Its secret is lost: delete the key if nobody else made it, then create another.';
    const nobody = `No new key of the user ${userName} was seen. It may still appear; look again before creating another.`;
    if (!readOnce) return { settled: false, sentence: `The user's keys could not be read: ${failed}` };
    if (before === null) {
      const found = seen.size === 0 ? 'none' : names;
      const sentence = `The keys before the call are not known. Keys of the user ${userName} now: ${found}.`;
      return { settled: false, sentence };
    }
    if (seen.size === 0) return { settled: false, sentence: nobody };
    const plural = seen.size > 1 ? 'Candidates for the lost key' : 'Candidate for the lost key';
    return { settled: false, sentence: `${plural} of the user ${userName}: ${names}. ${advice}` };
  };
}

function wanted(holds: boolean, yes: string, no: string): Reading {
  return holds
    ? { settled: true, sentence: `${yes}; whether by this call is not known.` }
    : { settled: false, sentence: `${no}; the call may still take effect.` };
}

interface ReadBack {
  readonly read: () => Promise<Listed>;
  readonly judge: (listed: Listed) => Reading;
}

function stateReader(call: PreparedCall, record: ReconcileRecord | null, deps: ReconcileDeps): ReadBack | null {
  const user = text(call.input['UserName']);
  const id = text(call.input['AccessKeyId']);
  const known = (judge: (items: readonly JsonObject[]) => Reading) => (listed: Listed) =>
    listed.kind === 'failed'
      ? { settled: false, sentence: `The state could not be read: ${listed.reason}` }
      : judge(listed.items);
  const keys = (): Promise<Listed> => listKeys(call, deps);
  switch (call.action.operation) {
    case 'CreateAccessKey':
      return { read: keys, judge: newKeys(record, user) };
    case 'DeleteAccessKey': {
      const judge = known((items) => {
        const gone = !items.some((item) => item['AccessKeyId'] === id);
        return wanted(gone, `The user ${user} has no key ${id} now`, `The user ${user} still has the key ${id}`);
      });
      return { read: keys, judge };
    }
    case 'UpdateAccessKey': {
      const status = text(call.input['Status']);
      const judge = known((items) => {
        const found = items.find((item) => item['AccessKeyId'] === id);
        if (found === undefined) return wanted(false, '', `The user ${user} has no key ${id}`);
        const now = text(found['Status']);
        return wanted(now === status, `The key ${id} is ${status} now`, `The key ${id} is still ${now}`);
      });
      return { read: keys, judge };
    }
    case 'AttachUserPolicy': {
      const arn = text(call.input['PolicyArn']);
      const judge = known((items) => {
        const there = items.some((item) => item['PolicyArn'] === arn);
        return wanted(there, `${arn} is attached to ${user} now`, `${arn} is not attached to ${user}`);
      });
      return { read: () => listForUser(call, 'ListAttachedUserPolicies', 'AttachedPolicies', deps), judge };
    }
    default:
      return null;
  }
}

/**
 * Reads back until the wanted state is seen or the connection's read-back time is over (a create: always to the end, since the lost request
 * may still be under way), and ends in one envelope with `outcome_unknown`. Rejects only with the signal's reason.
 */
export async function reconcile(
  call: PreparedCall,
  record: ReconcileRecord | null,
  deps: ReconcileDeps,
): Promise<Envelope> {
  const { clock, signal } = deps;
  const lead = `The outcome of ${call.action.operation} is unknown: the call may or may not have been carried out.`;
  const back = stateReader(call, record, deps);
  const end = (sentence: string): Envelope => failureEnvelope(formOf(call), 'outcome_unknown', `${lead} ${sentence}`);
  if (back === null) return end('This agent knows no way to read it back.');
  const endAtMs = clock.monotonicMs() + deps.connection.readBackSeconds * 1000;
  const stepMs = (deps.connection.readBackSeconds * 1000) / (reads - 1);
  for (;;) {
    signal.throwIfAborted();
    const reading = back.judge(await back.read());
    signal.throwIfAborted();
    const leftMs = endAtMs - clock.monotonicMs();
    if (reading.settled || leftMs <= 0) return end(reading.sentence);
    await clock.sleep(Math.min(leftMs, Math.max(1, stepMs)), signal);
  }
}
