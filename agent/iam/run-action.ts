// Runs one prepared call and streams what it gives: one page with one envelope for an object action, one page for each page of AWS for a
// listing. Only IsTruncated ends a listing; Max Items cuts the whole of it. Never retries and never claims more than AWS answered.
import type { ErrorCode } from '../../protocol/error-codes.ts';
import type { Json } from '../../protocol/json.ts';
import type { Envelope } from '../../protocol/result-envelope.ts';
import type { Connection } from '../connection.ts';
import { decodeAnswer, type JsonObject } from './decode.ts';
import { answerFailure, type CallFailure, failureEnvelope, missingAnswerFailure } from './errors.ts';
import type { CallRequest, IamCaller } from './iam-caller.ts';
import type { PreparedCall } from './inputs.ts';
import { pythonText } from './python-text.ts';

export interface ActionPage {
  readonly envelopes: readonly Envelope[];
  /** Where to go on after this page; null: there is no more. */
  readonly marker: string | null;
  readonly failure: { readonly code: ErrorCode; readonly outcomeUnknown: boolean } | null;
  readonly requestId: string | null;
}

export interface RunOptions {
  readonly caller: IamCaller;
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
  readonly signal: AbortSignal;
}

/** The most that IAM gives at once. */
const pageSize = 1000;

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

export function requestFor(call: PreparedCall, options: RunOptions, paging: Record<string, Json> = {}): CallRequest {
  const { interactive, retryForMs, mayCall } = options;
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
    signal: options.signal,
  };
}

function failedPage(call: PreparedCall, failure: CallFailure): ActionPage {
  const { code, outcomeUnknown, text, requestId } = failure;
  const shown: ErrorCode = outcomeUnknown ? 'outcome_unknown' : code;
  const envelope = failureEnvelope(call.action.output.kind, shown, text);
  return { envelopes: [envelope], marker: null, failure: { code, outcomeUnknown }, requestId };
}

function rowEnvelope(item: Json, member: string): Envelope {
  // A list of plain values has no members of its own: each goes under the list's name.
  const own =
    typeof item === 'object' && item !== null && !Array.isArray(item) ? (item as JsonObject) : { [member]: item };
  return { ...own, error: null, has_error: false };
}

type Next =
  | { readonly kind: 'end' }
  | { readonly kind: 'marker'; readonly marker: string }
  | { readonly kind: 'fault'; readonly text: string };

function nextOf(result: JsonObject, marker: string | null): Next {
  if (result['IsTruncated'] !== true) return { kind: 'end' };
  const next = result['Marker'];
  if (typeof next !== 'string' || next === '') {
    return { kind: 'fault', text: 'AWS says that the listing goes on, but not where (IsTruncated without a Marker).' };
  }
  if (next === marker) {
    // botocore's text.
    const text = `Error during pagination: The same next token was received twice: {'Marker': ${pythonText(next)}}`;
    return { kind: 'fault', text };
  }
  return { kind: 'marker', marker: next };
}

function malformed(text: string, requestId: string | null): CallFailure {
  return { code: 'aws_malformed', outcomeUnknown: false, text, requestId };
}

async function* runListing(call: PreparedCall, member: string, options: RunOptions): AsyncGenerator<ActionPage> {
  let marker = options.startMarker ?? null;
  let left = call.maxItems === null ? Infinity : call.maxItems - (options.itemsBefore ?? 0);
  while (left > 0) {
    const paging = { MaxItems: Math.min(pageSize, left), ...(marker === null ? {} : { Marker: marker }) };
    const page = await callOnce(options.caller, requestFor(call, options, paging));
    if (page.kind === 'failed') {
      yield failedPage(call, page.failure);
      return;
    }
    const { result, requestId } = page;
    const items = result[member] ?? [];
    const envelopes = (Array.isArray(items) ? items : []).slice(0, left).map((item) => rowEnvelope(item, member));
    left -= envelopes.length;
    const next = nextOf(result, marker);
    if (next.kind === 'fault' && left > 0) {
      const failed = failedPage(call, malformed(next.text, requestId));
      yield { ...failed, envelopes: [...envelopes, ...failed.envelopes] };
      return;
    }
    marker = next.kind === 'marker' && left > 0 ? next.marker : null;
    yield { envelopes, marker, failure: null, requestId };
    if (marker === null) return;
  }
}

/** Never throws for what AWS or the network does; a page with `failure` is the last. */
export async function* runAction(call: PreparedCall, options: RunOptions): AsyncGenerator<ActionPage> {
  const { output } = call.action;
  if (output.kind === 'rows') {
    yield* runListing(call, output.member, options);
    return;
  }
  const once = await callOnce(options.caller, requestFor(call, options));
  if (once.kind === 'failed') {
    yield failedPage(call, once.failure);
    return;
  }
  const envelope: Envelope = { result: once.result, error: null, has_error: false };
  yield { envelopes: [envelope], marker: null, failure: null, requestId: once.requestId };
}
