// Runs one read of the table to its end: what is there, or why that could not be seen. It never throws for what AWS or the network does.
import type { Json } from '../../../protocol/json.ts';
import type { Connection } from '../../connection.ts';
import { callOnce } from '../call-once.ts';
import type { JsonObject } from '../decode.ts';
import type { IamCaller } from '../iam-caller.ts';
import type { PreparedCall } from '../inputs.ts';
import { at, fill, isObject, type Read } from './rule.ts';

export interface ReadDeps {
  readonly caller: IamCaller;
  readonly connection: Connection;
  readonly sessionName: string;
  /** Longest time for which one read is repeated (milliseconds). */
  readonly retryForMs: number;
  readonly signal: AbortSignal;
}

export type Listed =
  | {
      readonly kind: 'items';
      readonly items: readonly JsonObject[];
      /** AWS's own time of the first answer (milliseconds since the epoch, whole seconds); null: it did not say. */
      readonly atMs: number | null;
      /** AWS says that there is no such thing to ask about. */
      readonly none: boolean;
    }
  | { readonly kind: 'failed'; readonly reason: string };

/** A read that fails for longer is given up: another follows, or the call does. */
export const readRetryMs = 5_000;

/** A reason is kept in the journal, and AWS's texts have no limit. */
const maxReasonCharacters = 1_000;

/** Of the longest listing there is: the roles or policies of an account, a thousand a page. */
const maxPages = 20;

/** A plain value stands under the name of its list, as in the rows of a listing. */
function itemsIn(answer: JsonObject, path: string): readonly JsonObject[] {
  const found = at(answer, path);
  if (found === undefined) return [];
  const name = path.split('.').at(-1) ?? path;
  const items: readonly Json[] = Array.isArray(found) ? found : [found];
  return items.map((item) => (isObject(item) ? item : { [name]: item }));
}

function timeOf(answer: JsonObject): number | null {
  const date = at(answer, 'ResponseMetadata.HTTPHeaders.date');
  const ms = typeof date === 'string' ? Date.parse(date) : Number.NaN;
  return Number.isNaN(ms) ? null : ms;
}

/** `values` fill the read's input: members of the change's input, and of the item that is asked about. */
export async function readItems(
  read: Read,
  values: Readonly<Record<string, Json>>,
  call: Pick<PreparedCall, 'roleArn'>,
  deps: ReadDeps,
): Promise<Listed> {
  const input: Record<string, Json> = { ...read.fixed };
  for (const [member, template] of Object.entries(read.input)) {
    const value = fill(template, values);
    if (value !== null) input[member] = value;
  }
  const items: JsonObject[] = [];
  let atMs: number | null = null;
  for (let page = 0; page < maxPages; page += 1) {
    const once = await callOnce(deps.caller, {
      service: 'iam',
      operation: read.operation,
      input,
      connection: deps.connection,
      roleArn: call.roleArn,
      sessionName: deps.sessionName,
      repeat: 'safe',
      retryForMs: deps.retryForMs,
      signal: deps.signal,
    });
    if (once.kind === 'failed') {
      const { awsCode, text } = once.failure;
      const none = awsCode !== null && ['NoSuchEntity', ...(read.noneCodes ?? [])].includes(awsCode);
      return none
        ? { kind: 'items', items, atMs, none }
        : { kind: 'failed', reason: text.slice(0, maxReasonCharacters) };
    }
    items.push(...itemsIn(once.result, read.at));
    if (page === 0) atMs = timeOf(once.result);
    // One thing is whole on the first page, whatever else the answer lists.
    if (isObject(at(once.result, read.at))) return { kind: 'items', items, atMs, none: false };
    const { IsTruncated: more, isTruncated: alsoMore, Marker: marker } = once.result;
    if (more !== true && alsoMore !== true) return { kind: 'items', items, atMs, none: false };
    if (typeof marker !== 'string' || marker === '' || marker === input['Marker']) break;
    input['Marker'] = marker;
  }
  return { kind: 'failed', reason: `the listing ${read.operation} did not come to its end` };
}
