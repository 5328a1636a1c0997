// Makes a call and, when its row asks for it, waits until AWS has finished what the call is about. Waiting is asking again: nothing is
// started twice, and the deadline is the row's own.
import type { Json } from '../../protocol/json.ts';
import type { CallFailure } from './errors.ts';
import type { CallRequest } from './iam-caller.ts';
import type { PreparedCall } from './inputs.ts';
import { callOnce, type Once, type RunOptions } from './call-once.ts';
import { type Progress, type WaitRule, waits } from './wait-rules.ts';

const firstPauseMs = 1_000;
const longestPauseMs = 5_000;

function judge(rule: WaitRule, answer: Once): Progress {
  if (answer.kind === 'result') return rule.progress(answer.result);
  return rule.pendingError !== undefined && answer.failure.awsCode === rule.pendingError ? 'pending' : 'done';
}

function failed(code: CallFailure['code'], text: string): Once {
  return { kind: 'failed', failure: { code, outcomeUnknown: false, text, requestId: null, awsCode: null } };
}

const stopped = failed('cancelled', 'The wait was stopped.');

/** What was started stays in the text, so that it is not lost with the wait. */
function startedText(first: Once): string {
  const id: Json | undefined = first.kind === 'result' ? first.result['JobId'] : undefined;
  return typeof id === 'string' && id !== '' ? ` (JobId ${id.slice(0, 64)})` : '';
}

/** Rejects only with the reason of the options' signal. */
export function callUntilDone(call: PreparedCall, request: CallRequest, options: RunOptions): Promise<Once> {
  const rule = call.waitSeconds === null ? undefined : waits.get(request.operation);
  return rule === undefined
    ? callOnce(options.caller, request)
    : untilDone(rule, request, { ...options, waitSeconds: call.waitSeconds ?? 0 });
}

async function untilDone(
  rule: WaitRule,
  request: CallRequest,
  options: RunOptions & { readonly waitSeconds: number },
): Promise<Once> {
  const { caller, clock, signal, waits: until = signal, waitSeconds } = options;
  const first = await callOnce(caller, request);
  if (rule.poll !== null && first.kind === 'failed') return first;
  const endAtMs = clock.monotonicMs() + waitSeconds * 1000;
  if (rule.poll !== null && startedText(first) === '') {
    return failed('aws_malformed', `AWS answered ${request.operation} without a JobId: there is nothing to wait for.`);
  }
  const poll: CallRequest =
    rule.poll !== null && first.kind === 'result'
      ? { ...request, operation: rule.poll.operation, input: rule.poll.input(first.result) }
      : request;
  let pauseMs = firstPauseMs;
  let answer = rule.poll === null ? first : await callOnce(caller, poll);
  for (;;) {
    const progress = judge(rule, answer);
    if (rule.poll !== null && answer.kind === 'failed') {
      const { failure } = answer;
      return { kind: 'failed', failure: { ...failure, text: `${failure.text}${startedText(first)}` } };
    }
    if (typeof progress === 'object') {
      return failed('aws_error', `${request.operation}${startedText(first)} failed at AWS: ${progress.failed}`);
    }
    if (progress === 'done') return rule.poll === null ? answer : first;
    if (until.aborted) return stopped;
    const leftMs = endAtMs - clock.monotonicMs();
    if (leftMs <= 0) {
      const text = `${request.operation}${startedText(first)} was not complete after ${waitSeconds} seconds; AWS goes on with it.`;
      return failed('wait_timeout', text);
    }
    try {
      await clock.sleep(Math.min(pauseMs, leftMs), until);
    } catch (error) {
      if (until.aborted && !signal.aborted) return stopped;
      throw error;
    }
    pauseMs = Math.min(longestPauseMs, pauseMs * 1.5);
    answer = await callOnce(caller, poll);
  }
}
