// Runs one prepared call and streams what it gives: one page with one envelope for an object action (the pages of a paged one merged), one page
// for each page of AWS for rows. Only IsTruncated ends a listing; Max Items cuts the whole of it. Never retries and never claims more than AWS
// answered.
import type { ErrorCode } from '../../protocol/error-codes.ts';
import type { Json } from '../../protocol/json.ts';
import type { Envelope } from '../../protocol/result-envelope.ts';
import { limits } from '../../protocol/limits.ts';
import { reportOperation } from './agent-inputs.ts';
import { readReport } from './credential-report.ts';
import { callOnce, type Once, requestFor, type RunOptions } from './call-once.ts';
import type { JsonObject } from './decode.ts';
import { type CallFailure, failureEnvelope } from './errors.ts';
import { formOf, type PreparedCall } from './inputs.ts';
import { MarkerTrail } from './marker-trail.ts';
import { pythonText } from './python-text.ts';
import { operationShapes } from './schema.ts';
import { callUntilDone } from './wait.ts';

export interface ActionPage {
  readonly envelopes: readonly Envelope[];
  /** Where to go on after this page; null: there is no more. */
  readonly marker: string | null;
  readonly failure: { readonly code: ErrorCode; readonly outcomeUnknown: boolean } | null;
  readonly requestId: string | null;
}

/** The most that IAM gives at once. */
const pageSize = 1000;

/** An endpoint may quote a value that it refuses. */
function withoutSecrets({ action, input }: PreparedCall, text: string): string {
  const secrets = action.inputs.filter(({ secret }) => secret === true).map(({ member }) => input[member]);
  return secrets.reduce<string>(
    (shown, secret) => (typeof secret === 'string' && secret.length >= 4 ? shown.replaceAll(secret, '***') : shown),
    text,
  );
}

function failedPage(call: PreparedCall, failure: CallFailure): ActionPage {
  const { code, outcomeUnknown, requestId } = failure;
  const text = withoutSecrets(call, failure.text);
  const shown: ErrorCode = outcomeUnknown ? 'outcome_unknown' : code;
  const envelope = failureEnvelope(formOf(call), shown, text);
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

function nextOf(result: JsonObject, marker: string | null, trail: MarkerTrail): Next {
  // One operation (ListDelegationRequests) writes it small.
  if (result['IsTruncated'] !== true && result['isTruncated'] !== true) return { kind: 'end' };
  const next = result['Marker'];
  if (typeof next !== 'string' || next === '') {
    return { kind: 'fault', text: 'AWS says that the listing goes on, but not where (IsTruncated without a Marker).' };
  }
  if (next === marker) {
    // botocore's text.
    const text = `Error during pagination: The same next token was received twice: {'Marker': ${pythonText(next)}}`;
    return { kind: 'fault', text };
  }
  if (trail.cameBefore(next)) {
    return { kind: 'fault', text: 'AWS leads the listing in a circle: a marker that it gave before came again.' };
  }
  return { kind: 'marker', marker: next };
}

function localFailure(code: ErrorCode, text: string, requestId: string | null): CallFailure {
  return { code, outcomeUnknown: false, text, requestId, awsCode: null };
}

/** One listing (ListPoliciesGrantingServiceAccess) has pages but takes no size. */
function takesSize({ action: { service, operation } }: PreparedCall): boolean {
  const input = operationShapes(service, operation)?.input;
  return input?.kind === 'structure' && input.members.has('MaxItems');
}

/** The rest of a listing is missing, which is not to be read as "no more". */
function notResumed(failure: CallFailure, itemsBefore: number): CallFailure {
  if (failure.code !== 'aws_error') return failure;
  const text = `${failure.text} (The listing was going on after a restart of the agent, from a marker of before it; the ${itemsBefore} items before it were sent, the rest is missing.)`;
  return { ...failure, text };
}

/** One page of AWS. The first call of an action waits, if its row asks for it. */
function pageAt(
  call: PreparedCall,
  options: RunOptions,
  { marker, size }: { readonly marker: string | null; readonly size: number | null },
): Promise<Once> {
  const cut = size === null || !takesSize(call) ? {} : { MaxItems: size };
  const paging = { ...cut, ...(marker === null ? {} : { Marker: marker }) };
  const request = requestFor(call, options, paging);
  return marker === null ? callUntilDone(call, request, options) : callOnce(options.caller, request);
}

/** Where the rows of an answer are, and whether it has pages. */
interface RowSource {
  readonly paged: boolean;
  readonly rowsOf: (result: JsonObject) => readonly Envelope[];
}

const itemsOf = (result: JsonObject, member: string): readonly Json[] => {
  const items = result[member] ?? [];
  return Array.isArray(items) ? items : [];
};

/** Null: the call gives one envelope. */
function rowSourceOf({ action, asRows }: PreparedCall): RowSource | null {
  const { output } = action;
  if (output.kind === 'rows') {
    const { member, paged } = output;
    return { paged, rowsOf: (result) => itemsOf(result, member).map((item) => rowEnvelope(item, member)) };
  }
  if (!asRows) return null;
  const { lists = [] } = output;
  // The items of several lists: each says which one it is of.
  const rowsOf = (result: JsonObject): readonly Envelope[] =>
    lists.flatMap((list) => itemsOf(result, list).map((item) => ({ List: list, ...rowEnvelope(item, list) })));
  return { paged: lists.length > 0, rowsOf };
}

async function* runRows(call: PreparedCall, source: RowSource, options: RunOptions): AsyncGenerator<ActionPage> {
  let marker = options.startMarker ?? null;
  const trail = new MarkerTrail(marker);
  let left = call.maxItems === null ? Infinity : call.maxItems - (options.itemsBefore ?? 0);
  // A row always ends with a page, also one that has all it asked for before it goes on.
  if (left <= 0) yield { envelopes: [], marker: null, failure: null, requestId: null };
  while (left > 0) {
    const page = await pageAt(call, options, { marker, size: source.paged ? Math.min(pageSize, left) : null });
    if (page.kind === 'failed') {
      const resumed = marker !== null && marker === options.startMarker;
      yield failedPage(call, resumed ? notResumed(page.failure, options.itemsBefore ?? 0) : page.failure);
      return;
    }
    const { result, requestId } = page;
    const { JobStatus: status } = result;
    if (typeof status === 'string' && status !== 'COMPLETED') {
      // Rows have no place for the status, and none at all would say that there is nothing.
      const text = `AWS says ${status} of this report; there are no rows of it. "Wait Seconds" waits for it.`;
      yield failedPage(call, localFailure('aws_error', text, requestId));
      return;
    }
    const envelopes = source.rowsOf(result).slice(0, left);
    left -= envelopes.length;
    const next = nextOf(result, marker, trail);
    if (next.kind === 'fault' && left > 0) {
      const failed = failedPage(call, localFailure('aws_malformed', next.text, requestId));
      yield { ...failed, envelopes: [...envelopes, ...failed.envelopes] };
      return;
    }
    marker = next.kind === 'marker' && left > 0 ? next.marker : null;
    yield { envelopes, marker, failure: null, requestId };
    if (marker === null) return;
  }
}

const pagingMembers: ReadonlySet<string> = new Set(['IsTruncated', 'isTruncated', 'Marker', 'ResponseMetadata']);

/** All pages in one result, as botocore's build_full_result has it: the lists joined, the other members of the first page. */
async function runMerged(call: PreparedCall, lists: readonly string[], options: RunOptions): Promise<ActionPage> {
  const merged: JsonObject = {};
  let marker: string | null = null;
  const trail = new MarkerTrail(marker);
  for (let bytes = 0; ;) {
    const page: Once = await pageAt(call, options, { marker, size: pageSize });
    if (page.kind === 'failed') return failedPage(call, page.failure);
    const { result, requestId } = page;
    for (const [name, value] of Object.entries(result)) {
      if (pagingMembers.has(name)) continue;
      const before = merged[name];
      if (before === undefined) {
        if (marker === null || lists.includes(name)) merged[name] = value;
      } else if (Array.isArray(before) && Array.isArray(value)) merged[name] = before.concat(value);
    }
    const next = nextOf(result, marker, trail);
    if (next.kind === 'end') {
      return {
        envelopes: [{ result: merged, error: null, has_error: false }],
        marker: null,
        failure: null,
        requestId,
      };
    }
    if (next.kind === 'fault') return failedPage(call, localFailure('aws_malformed', next.text, requestId));
    // No more is held than could be sent.
    bytes += JSON.stringify(result).length;
    if (bytes > limits.envelopeBytes) {
      const text = `The result has more than ${limits.envelopeBytes} bytes: set "As Rows" to True, or ask for less at once.`;
      return failedPage(call, localFailure('result_too_large', text, requestId));
    }
    marker = next.marker;
  }
}

/** A report comes in one answer, and its rows in pages: going on after the first means to ask for it again, and it must be the same one. */
async function* runReportRows(call: PreparedCall, options: RunOptions): AsyncGenerator<ActionPage> {
  const page = await pageAt(call, options, { marker: null, size: null });
  if (page.kind === 'failed') {
    yield failedPage(call, page.failure);
    return;
  }
  const { result, requestId } = page;
  const { Content: content, GeneratedTime: generated } = result;
  const failed = (code: ErrorCode, text: string): ActionPage => failedPage(call, localFailure(code, text, requestId));
  const marker = `generated ${typeof generated === 'string' ? generated : 'at an unknown time'}`;
  const { startMarker = null, itemsBefore: before = 0 } = options;
  if (startMarker !== null && startMarker !== marker) {
    yield failed('aws_error', `The rows so far are of a report ${startMarker}; AWS now has one ${marker}.`);
    return;
  }
  const records = typeof content === 'string' ? readReport(content) : null;
  if (records === null) {
    yield failed('aws_malformed', 'AWS gave a credential report that is no CSV file.');
    return;
  }
  const last = call.maxItems ?? Infinity;
  let envelopes: Envelope[] = [];
  let index = 0;
  for (const record of records) {
    if (index >= last) break;
    if (envelopes.length === pageSize) {
      yield { envelopes, marker, failure: null, requestId };
      envelopes = [];
    }
    if (index >= before) envelopes.push({ ...record, error: null, has_error: false });
    index += 1;
  }
  yield { envelopes, marker: null, failure: null, requestId };
}

async function runObject(call: PreparedCall, options: RunOptions): Promise<ActionPage> {
  const once = await callUntilDone(call, requestFor(call, options), options);
  if (once.kind === 'failed') return failedPage(call, once.failure);
  const envelope: Envelope = { result: once.result, error: null, has_error: false };
  return { envelopes: [envelope], marker: null, failure: null, requestId: once.requestId };
}

async function* onePage(ask: () => Promise<ActionPage>): AsyncGenerator<ActionPage> {
  yield await ask();
}

/** Never throws for what AWS or the network does; a page with `failure` is the last. */
export function runAction(call: PreparedCall, options: RunOptions): AsyncGenerator<ActionPage> {
  const { output, operation } = call.action;
  const source = rowSourceOf(call);
  if (call.asRows && operation === reportOperation) return runReportRows(call, options);
  if (source !== null) return runRows(call, source, options);
  const { lists } = output.kind === 'object' ? output : {};
  return onePage(() => (lists === undefined ? runObject(call, options) : runMerged(call, lists, options)));
}
