// Whether a call is made again. Throttling and failures that cannot have reached AWS always may be; what may have reached it only when a
// second time does no more than the first. LimitExceeded is a quota and is never retried. The SDK's own retries are off.
import type { Repeat } from './action.ts';
import { decodeAnswer } from './decode.ts';
import { isThrottling } from './errors.ts';
import type { CallAnswer, CallRequest } from './iam-caller.ts';

/** What an attempt came to, as far as repeating it goes. */
export type Verdict = 'final' | 'throttled' | 'not_sent' | 'ambiguous';

export const retryLimits = {
  /** Longest time over which attempts are repeated, unless the request says otherwise. */
  budgetMs: 120_000,
  throttledBaseMs: 500,
  otherBaseMs: 100,
  capMs: 20_000,
} as const;

/** The statuses that botocore retries, besides throttling. */
const passing: ReadonlySet<number> = new Set([500, 502, 503, 504, 509]);

export function judge(request: Pick<CallRequest, 'service' | 'operation'>, answer: CallAnswer): Verdict {
  if (answer.kind === 'aborted') return 'final';
  if (answer.kind === 'transport') {
    if (answer.ambiguous) return answer.code === 'answer_too_large' ? 'final' : 'ambiguous';
    const passes =
      answer.code === 'connect' ||
      answer.code === 'connect_timeout' ||
      answer.code === 'closed' ||
      answer.code === 'proxy';
    return passes ? 'not_sent' : 'final';
  }
  if (answer.status < 300) return 'final';
  const decoded = decodeAnswer(request.service, request.operation, answer);
  if (decoded.kind === 'service_error' && isThrottling(decoded)) return 'throttled';
  if (!passing.has(answer.status)) return 'final';
  // AssumeRole failed: the call itself was not sent.
  return answer.operation === undefined ? 'ambiguous' : 'not_sent';
}

export type RetryDecision =
  { readonly kind: 'stop'; readonly exhausted: boolean } | { readonly kind: 'again'; readonly afterMs: number };

export interface Tries {
  /** Attempts made, this one included. */
  readonly attempts: number;
  readonly elapsedMs: number;
  readonly budgetMs: number;
  /** Uniform in [0, 1). */
  readonly random: number;
  /** How long the answer asks to wait; null: it does not say. */
  readonly askedMs: number | null;
}

/** What an answer asks for: `x-amz-retry-after` (milliseconds) or `Retry-After` (seconds, or a time by the server's own clock). */
export function retryAfterMs(answer: CallAnswer): number | null {
  if (answer.kind !== 'answer') return null;
  const header = (wanted: string): string | undefined =>
    answer.headers.find(([name]) => name.toLowerCase() === wanted)?.[1].trim();
  const milliseconds = header('x-amz-retry-after');
  if (milliseconds !== undefined && /^\d{1,9}$/.test(milliseconds)) return Number(milliseconds);
  const after = header('retry-after');
  if (after === undefined) return null;
  if (/^\d{1,6}$/.test(after)) return Number(after) * 1000;
  // Two times of one clock: it may be hours off.
  const ms = Date.parse(after) - Date.parse(header('date') ?? '');
  return Number.isNaN(ms) ? null : Math.max(0, ms);
}

/** Exponential back-off with full jitter, never less than the answer asks for, until the budget is used up. */
export function decideRetry(verdict: Verdict, repeat: Repeat, tries: Tries): RetryDecision {
  if (verdict === 'final') return { kind: 'stop', exhausted: false };
  if (verdict === 'ambiguous' && repeat !== 'safe') return { kind: 'stop', exhausted: false };
  const base = verdict === 'throttled' ? retryLimits.throttledBaseMs : retryLimits.otherBaseMs;
  const backoffMs = Math.min(retryLimits.capMs, base * 2 ** Math.min(tries.attempts - 1, 20)) * tries.random;
  const afterMs = Math.max(backoffMs, tries.askedMs ?? 0);
  if (tries.elapsedMs + afterMs >= tries.budgetMs) return { kind: 'stop', exhausted: tries.attempts > 1 };
  return { kind: 'again', afterMs };
}
