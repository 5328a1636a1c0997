// A caller that is slow or refuses as a test says, under the agent's queue of calls.
import type { CallAnswer, CallRequest } from '../../agent/iam/iam-caller.ts';
import { systemClock } from '../../agent/io/clock-system.ts';
import { limitedCaller } from '../../agent/io/queue-p-queue.ts';
import { testConnection } from '../conformance/side-by-side.ts';
import { errorAnswer } from './scripted-endpoint.ts';

export const connection = testConnection('http://127.0.0.1:1', {
  limits: { callsPerSecond: 1000, maxCallsPerSecond: 1000, burst: 1000, inFlight: 3 },
});
export const ok: Extract<CallAnswer, { kind: 'answer' }> = {
  kind: 'answer',
  status: 200,
  headers: [],
  body: '',
  attempts: 1,
};
export const clock = { ...systemClock(), random: () => 0 };

export const request = (more: Partial<CallRequest> = {}): CallRequest => ({
  service: 'iam',
  operation: 'ListUsers',
  input: {},
  connection,
  roleArn: null,
  sessionName: 'j',
  repeat: 'safe',
  signal: new AbortController().signal,
  ...more,
});
export const error = (status: number, code: string): CallAnswer => ({
  ...ok,
  status,
  body: errorAnswer(status, code, 'x').body,
});

export function playing(answers: readonly CallAnswer[]) {
  const calls = { count: 0 };
  const call = async (): Promise<CallAnswer> => {
    const answer = answers[Math.min(calls.count, answers.length - 1)] ?? ok;
    calls.count += 1;
    return await Promise.resolve(answer);
  };
  return { caller: limitedCaller({ call }, { clock }), calls };
}

/** A caller whose calls end when the test says so. */
export function held() {
  const open: (() => void)[] = [];
  const order: string[] = [];
  const call = async ({ sessionName }: CallRequest): Promise<CallAnswer> => {
    order.push(sessionName);
    const { promise, resolve } = Promise.withResolvers<void>();
    open.push(resolve);
    await promise;
    return ok;
  };
  const settle = async (): Promise<void> => await new Promise((resolve) => setTimeout(resolve, 10));
  return { caller: limitedCaller({ call }, { clock }), open, order, settle };
}
