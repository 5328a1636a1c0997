// Step "envelope": results and refusals into the lines that travel. Serialised here, once; nobody after this changes a byte.
import type { ErrorCode, Refusal } from '../../protocol/error-codes.ts';
import type { Json } from '../../protocol/json.ts';
import { limits } from '../../protocol/limits.ts';
import { type Envelope, envelopeLine } from '../../protocol/result-envelope.ts';
import type { PreparedCall } from '../iam/inputs.ts';

/** The error envelope of a row that this host ended itself. */
export function refusalEnvelope(refusal: Refusal): Envelope {
  return { result: null, error: refusal.detail, has_error: true, error_code: refusal.code };
}

/** What a dry run shows instead of an answer: the call as it would have left. */
export function dryRunEnvelope(call: PreparedCall): Envelope {
  const wouldCall: Json = {
    Service: call.action.service,
    Operation: call.action.operation,
    Input: shownInput(call),
    ...(call.roleArn === null ? {} : { RoleArn: call.roleArn }),
  };
  return { result: { DryRun: wouldCall }, error: null, has_error: false };
}

function shownInput({ action, input }: PreparedCall): Json {
  const secret = new Set(action.inputs.filter((one) => one.secret === true).map((one) => one.member));
  return Object.fromEntries(Object.entries(input).map(([name, value]) => [name, secret.has(name) ? '***' : value]));
}

/** What is left of an error text that does not fit. */
const shownErrorCharacters = 16_384;

export interface EnvelopeLines {
  readonly lines: readonly string[];
  /** The code of the first envelope that did not fit; the row then counts as failed. */
  readonly fault: ErrorCode | null;
}

/** `firstItem` numbers the items of a listing (an error among them is none); null for an action with one answer. */
export function envelopeLines(row: number, firstItem: number | null, envelopes: readonly Envelope[]): EnvelopeLines {
  let fault: ErrorCode | null = null;
  const lines = envelopes.map((envelope, index) => {
    const item = firstItem === null || envelope.has_error ? undefined : firstItem + index;
    const line = envelopeLine(row, item, envelope);
    // Three bytes is the most that one UTF-16 unit takes in UTF-8, so a short line needs no counting.
    if (line.length * 3 <= limits.envelopeBytes || utf8Bytes(line) <= limits.envelopeBytes) return line;
    if (envelope.has_error && typeof envelope.error === 'string') {
      // Six bytes is the most that one UTF-16 unit takes in JSON.
      return envelopeLine(row, item, { ...envelope, error: `${envelope.error.slice(0, shownErrorCharacters)}…` });
    }
    fault = 'result_too_large';
    return envelopeLine(row, item, {
      result: null,
      error: `AWS answered, but the envelope has more than ${limits.envelopeBytes} bytes; ask for less at once`,
      has_error: true,
      error_code: fault,
    });
  });
  return { lines, fault };
}

const encoder = new TextEncoder();

export function utf8Bytes(text: string): number {
  return encoder.encode(text).length;
}
