// One call of AWS for a prepared call, decoded; and what every call of a row has in common.
import type { Json } from '../../protocol/json.ts';
import type { Connection } from '../connection.ts';
import type { Clock } from '../job/clock.ts';
import { decodeAnswer, type JsonObject } from './decode.ts';
import { answerFailure, type CallFailure, missingAnswerFailure } from './errors.ts';
import type { CallRequest, IamCaller } from './iam-caller.ts';
import type { PreparedCall } from './inputs.ts';

export interface RunOptions {
  readonly caller: IamCaller;
  readonly clock: Clock;
  readonly connection: Connection;
  readonly sessionName: string;
  /** Go on with a listing after this page. */
  readonly startMarker?: string | null;
  /** Rows already given before `startMarker`; they count against Max Items. */
  readonly itemsBefore?: number;
  /** See CallRequest. */
  readonly interactive?: boolean;
  readonly retryForMs?: number;
  readonly mayCall?: () => boolean;
  readonly waits?: AbortSignal;
  readonly signal: AbortSignal;
}

export type Once =
  | { readonly kind: 'result'; readonly result: JsonObject; readonly requestId: string | null }
  | { readonly kind: 'failed'; readonly failure: CallFailure };

/** One call, decoded. */
export async function callOnce(caller: IamCaller, request: CallRequest): Promise<Once> {
  const answer = await caller.call(request);
  if (answer.kind !== 'answer') return { kind: 'failed', failure: missingAnswerFailure(request.repeat, answer) };
  // A loss hides behind a success without its members, if the call makes something.
  const decoded = decodeAnswer(request.service, request.operation, answer, request.repeat === 'never');
  if (decoded.kind === 'result') return decoded;
  return { kind: 'failed', failure: answerFailure(request.operation, request.repeat, answer, decoded) };
}

export function requestFor(
  call: PreparedCall,
  options: Omit<RunOptions, 'clock'>,
  paging: Record<string, Json> = {},
): CallRequest {
  const { interactive, retryForMs, mayCall, waits } = options;
  return {
    service: call.action.service,
    operation: call.action.operation,
    input: { ...call.input, ...paging },
    connection: options.connection,
    roleArn: call.roleArn,
    sessionName: options.sessionName,
    repeat: call.action.repeat,
    ...(interactive === undefined ? {} : { interactive }),
    ...(retryForMs === undefined ? {} : { retryForMs }),
    ...(mayCall === undefined ? {} : { mayCall }),
    ...(waits === undefined ? {} : { waits }),
    signal: options.signal,
  };
}
