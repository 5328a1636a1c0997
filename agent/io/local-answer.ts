// What the local socket serves, and how it says yes and no.
import type { ServerResponse } from 'node:http';
import type { ErrorCode, Refusal } from '../../protocol/error-codes.ts';
import type { EventSink } from '../events.ts';
import type { LocalRuns } from '../local/local-runs.ts';
import type { RunLog } from '../local/run-log.ts';
import type { Status } from '../local/status.ts';

export interface LocalService {
  readonly status: () => Promise<Status>;
  readonly runs: LocalRuns;
  readonly log: RunLog;
  readonly version: string;
  readonly events: EventSink;
}

export function sayJson(response: ServerResponse, body: unknown): void {
  response.writeHead(200, { 'content-type': 'application/json' });
  response.end(`${JSON.stringify(body)}\n`);
}

const statuses: Partial<Record<ErrorCode, number>> = {
  agent_draining: 503,
  too_many_requests: 429,
  action_not_allowed: 403,
  run_interrupted: 409,
};

/** Says no and leaves the answer open: the client may be sending still. */
export function beginNo(response: ServerResponse, status: number | null, { code, detail }: Refusal): void {
  response.writeHead(status ?? statuses[code] ?? 400, { 'content-type': 'application/json' });
  response.write(`${JSON.stringify({ error: { code, detail } })}\n`);
}

/** Ends the answer. What else the client sends is not read. */
export function sayNo(response: ServerResponse, status: number | null, { code, detail }: Refusal): void {
  beginNo(response, status, { kind: 'refused', code, detail });
  response.end();
}
