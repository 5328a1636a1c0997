// The error texts of a playbook's envelope: botocore's wording for what AWS, the network and the parameters give, our own for the rest; and
// the closed code beside each. No text holds a body, a header or a credential.
import type { ErrorCode } from '../../protocol/error-codes.ts';
import type { Envelope } from '../../protocol/result-envelope.ts';
import type { Repeat } from './action.ts';
import type { Decoded } from './decode.ts';
import type { CallAnswer, TransportCode } from './iam-caller.ts';

export interface CallFailure {
  readonly code: ErrorCode;
  /** The call may have been carried out although it failed. */
  readonly outcomeUnknown: boolean;
  readonly text: string;
  readonly requestId: string | null;
  /** AWS's own code; null when AWS did not give one. */
  readonly awsCode: string | null;
}

/** Codes with which AWS refuses for the rate; never LimitExceeded, which is a quota. */
const throttlingCodes: ReadonlySet<string> = new Set([
  'Throttling',
  'ThrottlingException',
  'ThrottledException',
  'RequestThrottled',
  'RequestThrottledException',
  'RequestLimitExceeded',
  'TooManyRequestsException',
  'SlowDown',
  'BandwidthLimitExceeded',
  'PriorRequestNotComplete',
]);

export function isThrottling(error: { readonly status: number; readonly code: string }): boolean {
  return error.status === 429 || throttlingCodes.has(error.code);
}

function serviceErrorText(
  error: { readonly code: string; readonly message: string },
  operation: string,
  retries: number | null,
): string {
  const info = retries === null ? '' : ` (reached max retries: ${retries})`;
  return `An error occurred (${error.code}) when calling the ${operation} operation${info}: ${error.message}`;
}

/** botocore's fixed texts, filled with the endpoint (scheme, host, port and path; never a query or a user name). */
export function transportText(code: TransportCode, endpointUrl: string, detail = ''): string {
  switch (code) {
    case 'connect':
      return `Could not connect to the endpoint URL: "${endpointUrl}"`;
    case 'connect_timeout':
      return `Connect timeout on endpoint URL: "${endpointUrl}"`;
    case 'answer_timeout':
      return `Read timeout on endpoint URL: "${endpointUrl}"`;
    case 'closed':
      return `Connection was closed before we received a valid response from endpoint URL: "${endpointUrl}".`;
    case 'tls':
      return `SSL validation failed for ${endpointUrl} ${detail}`.trimEnd();
    case 'proxy':
      return `Failed to connect to proxy URL: "${detail}"`;
    case 'answer_too_large':
      return `The answer of ${endpointUrl} is larger than this agent reads.`;
    case 'credentials':
      return detail === '' ? 'Unable to locate credentials' : detail;
    case 'request':
      return `The request could not be made: ${detail}`;
    default:
      return code satisfies never;
  }
}

/** What botocore raises for parameters that it does not send. */
export function parameterErrorText(faults: readonly string[]): string {
  return `Parameter validation failed:\n${faults.join('\n')}`;
}

function transportErrorCode(code: TransportCode): ErrorCode {
  switch (code) {
    case 'connect_timeout':
    case 'answer_timeout':
      return 'aws_timeout';
    case 'credentials':
      return 'credentials_unavailable';
    case 'request':
      return 'invalid_input';
    case 'answer_too_large':
      return 'aws_malformed';
    case 'connect':
    case 'closed':
    case 'tls':
    case 'proxy':
      return 'aws_transport';
    default:
      return code satisfies never;
  }
}

type Answer = Extract<CallAnswer, { kind: 'answer' }>;

/** The failure that an answer of AWS is, or null when it is none. */
export function answerFailure(
  operation: string,
  repeat: Repeat,
  answer: Answer,
  decoded: Exclude<Decoded, { kind: 'result' }>,
): CallFailure {
  const named = answer.operation ?? operation;
  // An error of another operation (AssumeRole) comes before the call: nothing can have happened.
  const risky = repeat !== 'safe' && answer.operation === undefined;
  const { requestId } = decoded;
  if (decoded.kind === 'malformed') {
    const text = `AWS gave no valid answer to the ${named} operation: ${decoded.detail}`;
    return { code: 'aws_malformed', outcomeUnknown: risky, text, requestId, awsCode: null };
  }
  const throttled = isThrottling(decoded);
  const retries = answer.exhausted === true ? answer.attempts - 1 : null;
  return {
    code: throttled ? 'aws_throttled' : 'aws_error',
    outcomeUnknown: risky && !throttled && decoded.status >= 500,
    text: serviceErrorText(decoded, named, retries),
    requestId,
    awsCode: decoded.code,
  };
}

/** The failure that a missing answer is. */
export function missingAnswerFailure(repeat: Repeat, answer: Exclude<CallAnswer, { kind: 'answer' }>): CallFailure {
  const outcomeUnknown = repeat !== 'safe' && answer.ambiguous === true;
  if (answer.kind === 'aborted') {
    const text = outcomeUnknown
      ? 'The call was stopped while it was under way.'
      : 'The call was stopped before it was made.';
    return { code: 'cancelled', outcomeUnknown, text, requestId: null, awsCode: null };
  }
  return {
    code: transportErrorCode(answer.code),
    outcomeUnknown,
    text: answer.message,
    requestId: null,
    awsCode: null,
  };
}

/** The envelope of a failure. A list's rows have no `result`. */
export function failureEnvelope(form: 'object' | 'rows', code: ErrorCode, text: string): Envelope {
  const common = { error: text, has_error: true, error_code: code };
  return form === 'object' ? { result: null, ...common } : common;
}
