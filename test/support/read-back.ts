// One read-back in simulated time, with the answers of its reads.
import { expect } from 'chai';
import type { CallAnswer, IamCaller } from '../../agent/iam/iam-caller.ts';
import type { PreparedCall } from '../../agent/iam/inputs.ts';
import { reconcile } from '../../agent/iam/reconcile/reconcile.ts';
import type { BeforeRecord } from '../../agent/iam/reconcile/record.ts';
import type { Connection } from '../../agent/connection.ts';
import type { Json } from '../../protocol/json.ts';
import type { Envelope } from '../../protocol/result-envelope.ts';
import { prepared, testConnection } from '../conformance/side-by-side.ts';
import { answerOf } from './scripted-caller.ts';
import { errorAnswer } from './scripted-endpoint.ts';
import { SimulatedClock } from './simulated-clock.ts';

/** How the answer was lost. */
export const cause = 'the answer was lost';

function errorOf(status: number, code: string): CallAnswer {
  return { kind: 'answer', status, headers: [], body: errorAnswer(status, code, 'no').body, attempts: 1 };
}
export const denied = errorOf(403, 'AccessDenied');
export const noEntity = errorOf(404, 'NoSuchEntity');

export function listAnswer(operation: string, member: string, items: string): CallAnswer {
  return answerOf(operation, `<${member}>${items}</${member}><IsTruncated>false</IsTruncated>`);
}

export function keysAnswer(keys: Readonly<Record<string, string>>): CallAnswer {
  const items = Object.entries(keys).map(
    ([id, status]) =>
      `<member><UserName>a</UserName><AccessKeyId>${id}</AccessKeyId><Status>${status}</Status><CreateDate>2026-01-01T00:00:00Z</CreateDate></member>`,
  );
  return listAnswer('ListAccessKeys', 'AccessKeyMetadata', items.join(''));
}

/** As AWS dates the keys of `keysAnswer`. */
export const createdMs = Date.UTC(2026, 0, 1);
export const before = (...ids: string[]): BeforeRecord => ({ kind: 'before', ids });

export interface ReadBackOptions {
  readonly connection?: Partial<Connection>;
  readonly change?: Partial<PreparedCall>;
  readonly mayChange?: () => boolean;
  readonly signal?: AbortSignal;
}

export interface Ended {
  readonly envelope: Envelope & { readonly error: string | null };
  readonly operations: readonly string[];
  /** Records that were kept, and after how many calls. */
  readonly kept: readonly (readonly [BeforeRecord, number])[];
  readonly tookMs: number;
}

export async function readBack(
  action: string,
  inputs: Readonly<Record<string, Json>>,
  record: BeforeRecord | null,
  answers: (read: number, atMs: number, operation: string) => CallAnswer,
  options: ReadBackOptions = {},
): Promise<Ended> {
  const clock = new SimulatedClock();
  const operations: string[] = [];
  const kept: [BeforeRecord, number][] = [];
  const caller: IamCaller = {
    call: async (request) => {
      operations.push(request.operation);
      expect(request.repeat === 'safe' ? request.retryForMs : 0).to.be.at.most(5_000);
      // Nothing but reads, unless the host asks for more.
      if (options.connection?.deactivateOrphans !== true) expect(request.repeat).to.equal('safe');
      return await Promise.resolve(answers(operations.length, clock.monotonicMs(), request.operation));
    },
  };
  const envelope = await clock.run(
    reconcile({ ...prepared(action, inputs), ...options.change }, record, cause, {
      caller,
      connection: testConnection('http://127.0.0.1:1', { readBackSeconds: 60, ...options.connection }),
      sessionName: 'j',
      clock,
      keepRecord: (one) => Promise.resolve(void kept.push([one, operations.length])),
      mayChange: options.mayChange ?? ((): boolean => true),
      signal: options.signal ?? new AbortController().signal,
    }),
  );
  expect(envelope).to.include({ result: null, has_error: true, error_code: 'outcome_unknown' });
  return { envelope, operations, kept, tookMs: clock.monotonicMs() };
}
