// The port to AWS: one call, whatever carries it. Answers are raw, so that one decoder serves every carrier and every test.
import type { Connection } from '../connection.ts';
import type { Json } from '../../protocol/json.ts';
import type { Repeat } from './action.ts';
import type { Service } from './schema.ts';

export interface CallRequest {
  readonly service: Service;
  readonly operation: string;
  readonly input: Readonly<Record<string, Json>>;
  readonly connection: Connection;
  /** Role of the row, assumed after the connection's own. Null: none. */
  readonly roleArn: string | null;
  /** Name of an assumed role's session, unless the connection has one. */
  readonly sessionName: string;
  readonly repeat: Repeat;
  /** Whose call it is: jobs take turns. */
  readonly job?: string;
  /** A person waits for it: it goes before the calls of batches. */
  readonly interactive?: boolean;
  /** Longest time that attempts may be repeated for. Without it: the carrier's default. */
  readonly retryForMs?: number;
  /** Asked before every attempt; false: no attempt is made any more, and the answer is `aborted`. */
  readonly mayCall?: () => boolean;
  /** Aborted when no attempt may be made any more: waits before and between attempts end at once, an attempt under way goes on. */
  readonly waits?: AbortSignal;
  /** Cuts off an attempt under way, and every wait. */
  readonly signal: AbortSignal;
}

/** Why no answer came. */
export type TransportCode =
  | 'connect'
  | 'connect_timeout'
  | 'answer_timeout'
  | 'closed'
  | 'tls'
  | 'proxy'
  | 'answer_too_large'
  | 'credentials'
  | 'request';

export type CallAnswer =
  | {
      readonly kind: 'answer';
      readonly status: number;
      readonly headers: readonly (readonly [string, string])[];
      readonly body: Uint8Array | string;
      readonly attempts: number;
      /** The operation that answered when it is not the one asked for: AssumeRole refused, so the call was not made. */
      readonly operation?: string;
      /** Who called, as AWS knows it: an access key id or the ARN of a role. Never shown. */
      readonly principal?: string;
      /** Retries were used up: the wording says how many there were. */
      readonly exhausted?: boolean;
    }
  | {
      readonly kind: 'transport';
      readonly code: TransportCode;
      /** botocore's text; no secret. */
      readonly message: string;
      /** The request may have reached AWS. */
      readonly ambiguous: boolean;
      readonly attempts: number;
    }
  /** `ambiguous`: the request was on its way when the signal came. */
  | { readonly kind: 'aborted'; readonly ambiguous?: boolean };

export interface IamCaller {
  call(request: CallRequest): Promise<CallAnswer>;
}
