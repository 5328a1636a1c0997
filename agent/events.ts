// Everything the daemon says about itself, as a closed table: the seam for logs, metrics and tests. An event can hold only the fields of its
// row, and a field only values of its own form (enums, ids, counts, durations). Never free text: no detail, message, path, input or result.
import { type ErrorCode, errorCodes } from '../protocol/error-codes.ts';

/** One form of field: its type for the compiler, and the check that stands between a wrong value and a log line. */
interface Form<T> {
  readonly accepts: (value: unknown) => value is T;
}

const form = <T>(accepts: (value: unknown) => boolean): Form<T> => ({ accepts: (value): value is T => accepts(value) });
const matching = (pattern: RegExp): Form<string> =>
  form((value) => typeof value === 'string' && value.length <= 128 && pattern.test(value));
const oneOf = <const T extends string>(...names: readonly T[]): Form<T> => {
  const known = new Set<unknown>(names);
  return form((value) => known.has(value));
};

const count = form<number>((value) => Number.isSafeInteger(value) && Number(value) >= 0);
const quantity = form<number>((value) => typeof value === 'number' && Number.isFinite(value));
const flag = form<boolean>((value) => typeof value === 'boolean');
const code = form<ErrorCode>((value) => typeof value === 'string' && Object.hasOwn(errorCodes, value));
const uuid = matching(/^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-zA-Z]{12}$/);
const label = matching(/^[A-Za-z0-9][A-Za-z0-9 ._-]{0,63}$/);
const snakeName = matching(/^[a-z][a-z_]{0,63}$/);
// Letters only: neither an access key id nor a secret key (both with digits) fits.
const awsName = matching(/^[A-Z][A-Za-z]{1,63}(\.[A-Za-z]{1,63}){0,3}$/);
// Error codes of the system and of TLS: no key id has these forms.
const systemCode = matching(/^(unknown|closed|E[A-Z]{2,14}|(CERT|CRL|DEPTH|ERR|SELF|UNABLE)_[A-Z_]{1,50})$/);
const agentName = matching(/^[a-z0-9][a-z0-9._-]{0,62}$/);
const keyName = matching(/^[A-Za-z0-9_-]{43}$/);
const version = matching(/^\d{1,5}\.\d{1,5}\.\d{1,5}(-[a-z0-9.]{1,16})?$/);
const outcome = oneOf('completed', 'succeeded', 'failed', 'refused', 'cancelled', 'expired', 'stopped', 'unknown');
const task = oneOf('journal_retention');
const runCounts = { rows: count, succeeded: count, failed: count, refused: count, cancelled: count, unknown: count };

const levels = ['error', 'warn', 'info', 'debug'] as const;
export type EventLevel = (typeof levels)[number];
export const eventLevels: readonly EventLevel[] = levels;

type Fields = Readonly<Record<string, Form<unknown>>>;
const row = <const F extends Fields>(level: EventLevel, fields: F) => ({ level, fields });

// Which row of a job, on which connection: what nearly every line of a job carries.
const ofJob = { job: uuid, connection: label, action: snakeName };
const ofRow = { ...ofJob, run: uuid, row: count };
const ofRun = { run: uuid, connection: label, action: snakeName };
const ofCall = { ...ofRow, operation: awsName, attempt: count, durationMs: quantity };

export const events = {
  'agent.started': row('info', { version, node: version, agent: agentName, connections: count, jobs: count }),
  'agent.recovered': row('info', { jobs: count, rows: count, entries: count, commits: count, durationMs: quantity }),
  'agent.draining': row('info', { signal: oneOf('SIGTERM', 'SIGINT', 'reconnect'), callsUnderWay: count, jobs: count }),
  'agent.drained': row('info', { jobs: count, bytes: count, inTime: flag, durationMs: quantity }),
  'agent.stopped': row('info', { exitCode: count, durationMs: quantity }),
  'agent.fault': row('error', { code, exitCode: count }),
  'config.warning': row('warn', {
    warning: oneOf('verify_ssl_off', 'plain_http', 'no_connections'),
    connection: label,
  }),
  'link.dialling': row('debug', { attempt: count, delayMs: quantity }),
  'link.connected': row('info', { session: count, attempt: count }),
  'link.welcomed': row('info', { session: count, skewMs: quantity, jobs: count }),
  'link.lost': row('warn', { session: count, code, closeCode: count, durationMs: quantity, retryInMs: quantity }),
  'link.unreachable': row('warn', { attempt: count, reason: systemCode, retryInMs: quantity }),
  'link.rejected': row('error', { code, status: count, retryInMs: quantity }),
  'link.frame_ignored': row('warn', { code, unknownTypes: count, unknownFields: count }),
  'link.frame_refused': row('error', { code, bytes: count }),
  'link.clock_skew': row('warn', { skewMs: quantity }),
  'keys.stepped': row('info', { keySetVersion: count, key: keyName }),
  'keys.refused': row('error', { code, keySetVersion: count }),
  'job.accepted': row('info', { ...ofJob, rows: count, dryRun: flag }),
  'job.refused': row('warn', { ...ofJob, code }),
  'job.repeated': row('info', { job: uuid, finished: flag }),
  'job.cancelled': row('info', { job: uuid, rows: count, known: flag }),
  'job.quarantined': row('error', { job: uuid, code }),
  'job.finished': row('info', { ...ofJob, outcome, rows: count, failed: count, entries: count, durationMs: quantity }),
  'job.closed': row('debug', { job: uuid, entries: count }),
  'row.ended': row('debug', { ...ofRow, outcome, code, items: count, durationMs: quantity }),
  'row.unknown': row('warn', { ...ofRow, code, operation: awsName, readBack: oneOf('found', 'absent', 'unclear') }),
  'call.retried': row('info', { ...ofCall, code, awsCode: awsName, requestId: uuid, delayMs: quantity }),
  'run.started': row('info', { ...ofRun, dryRun: flag, repeated: uuid }),
  'run.refused': row('warn', { ...ofRun, code }),
  'run.ended': row('info', {
    ...ofRun,
    end: oneOf('completed', 'stopped', 'cancelled', 'lost', 'drained'),
    ...runCounts,
    durationMs: quantity,
  }),
  'run.interrupted': row('warn', { ...ofRun, underWay: count }),
  'run.read_back': row('warn', { ...ofRun, ...runCounts }),
  'local.unavailable': row('error', { code }),
  'local.refused': row('warn', { code }),
  'credentials.failed': row('error', { connection: label, code }),
  'spool.full': row('error', { bytes: count, quotaBytes: count, rows: count }),
  'spool.room': row('info', { bytes: count, quotaBytes: count, durationMs: quantity }),
  'spool.trimmed': row('warn', { entries: count, bytes: count, quotaBytes: count }),
  'results.acknowledged': row('debug', { job: uuid, sequence: count }),
  'results.disputed': row('error', { job: uuid, code, sequence: count }),
  'housekeeping.ran': row('debug', { task, removed: count, durationMs: quantity }),
  'housekeeping.failed': row('error', { task }),
  'housekeeping.overlapped': row('warn', { task }),
  'notify.failed': row('warn', { state: oneOf('ready', 'stopping', 'status', 'watchdog') }),
} as const;

export type EventName = keyof typeof events;
type FormsOf<N extends EventName> = (typeof events)[N]['fields'];
type ValueOf<F> = F extends Form<infer T> ? T : never;

/** What may be said with an event. Every field is optional: a fact that is not known is left out, never guessed. */
type EventFields<N extends EventName = EventName> = {
  readonly [K in keyof FormsOf<N>]?: ValueOf<FormsOf<N>[K]> | undefined;
};

export type EventSink = <N extends EventName>(name: N, fields: EventFields<N>) => void;

/** Null when there is no such event. */
export function levelOf(name: string): EventLevel | null {
  return Object.hasOwn(events, name) ? events[name as EventName].level : null;
}

/**
 * The fields of an event that may leave the process, in the order of its row. What the row does not name, or what does not have the form of
 * its field, is left out: `dropped` counts it. Null when there is no such event.
 */
export function screenEvent(
  name: string,
  fields: unknown,
): { readonly level: EventLevel; readonly fields: Readonly<Record<string, unknown>>; readonly dropped: number } | null {
  if (!Object.hasOwn(events, name)) return null;
  const known: { level: EventLevel; fields: Fields } = events[name as EventName];
  const given = typeof fields === 'object' && fields !== null ? fields : {};
  const kept: Record<string, unknown> = {};
  let offered = 0;
  for (const key of Object.keys(given)) if (Reflect.get(given, key) !== undefined) offered += 1;
  let passed = 0;
  for (const [key, { accepts }] of Object.entries(known.fields)) {
    const value: unknown = Object.hasOwn(given, key) ? Reflect.get(given, key) : undefined;
    if (value === undefined || !accepts(value)) continue;
    kept[key] = value;
    passed += 1;
  }
  return { level: known.level, fields: kept, dropped: offered - passed };
}
