// Everything the control plane says about itself, as a closed table. A line can hold only the fields of its row, and those are ids, counts and
// codes: never a token, a code, an input, a row, a result or a free text.
import type { ErrorCode } from '../protocol/error-codes.ts';

export interface Fields {
  agent: string;
  job: string;
  code: ErrorCode;
  session: number;
  status: number;
  count: number;
  rows: number;
  closeCode: number;
  durationMs: number;
  name: 'retention' | 'session' | 'request' | 'gateway' | 'start';
  /** Name of an error's class and its system code; never its message. */
  fault: string;
}

type Level = 'error' | 'warn' | 'info' | 'debug';
const row = <const F extends readonly (keyof Fields)[]>(level: Level, fields: F) => ({ level, fields });

export const events = {
  'server.started': row('info', ['durationMs']),
  'server.stopped': row('info', []),
  'server.fault': row('error', ['name', 'fault', 'agent', 'job']),
  'request.ended': row('debug', ['status', 'durationMs']),
  'pairing.finished': row('info', ['agent']),
  'pairing.refused': row('warn', ['code', 'agent']),
  'agent.revoked': row('warn', ['agent']),
  'agent.conflict': row('error', ['agent', 'session']),
  'agent.conflict_cleared': row('warn', ['agent']),
  'session.refused': row('warn', ['agent', 'code', 'status']),
  'session.opened': row('info', ['agent', 'session']),
  'session.welcomed': row('info', ['agent', 'session', 'count']),
  'session.closed': row('info', ['agent', 'session', 'closeCode', 'durationMs']),
  'frame.ignored': row('warn', ['agent', 'session', 'code', 'count']),
  'frame.refused': row('error', ['agent', 'session', 'code']),
  'job.created': row('info', ['job', 'agent', 'rows']),
  'job.sent': row('info', ['job', 'agent']),
  'job.requeued': row('warn', ['job', 'agent']),
  'job.cancel_requested': row('info', ['job', 'agent']),
  'job.ended': row('info', ['job', 'agent', 'code', 'count']),
  'results.lost': row('error', ['job', 'agent', 'count']),
  'retention.ran': row('info', ['count', 'durationMs']),
} as const;

export type EventName = keyof typeof events;
type EventFields<N extends EventName> = {
  readonly [K in (typeof events)[N]['fields'][number]]?: Fields[K] | undefined;
};
export type EventSink = <N extends EventName>(name: N, fields: EventFields<N>) => void;

/** What may leave the process: the fields of the row, each a number or a short plain word. Anything else is dropped. */
export function screen(name: EventName, fields: object): Record<string, string | number> {
  const kept: Record<string, string | number> = {};
  for (const key of events[name].fields) {
    const value: unknown = Reflect.get(fields, key);
    if (typeof value === 'number' && Number.isFinite(value)) kept[key] = value;
    else if (typeof value === 'string' && /^[A-Za-z0-9._:-]{1,64}$/.test(value)) kept[key] = value;
  }
  return kept;
}

/** An error as a log line may show it: its class and system code, never its message (which may quote data). */
export function faultOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown';
  return 'code' in error && typeof error.code === 'string' ? `${error.name}:${error.code}` : error.name;
}
