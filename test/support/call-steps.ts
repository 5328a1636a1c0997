// Calls as a row makes them, with ports that a test can look into.
import type { CallAnswer, IamCaller } from '../../agent/iam/iam-caller.ts';
import { findAction } from '../../agent/iam/catalogue.ts';
import { prepareCall, type PreparedCall } from '../../agent/iam/inputs.ts';
import { type CallPorts, callAws, type CallStep } from '../../agent/job/call.ts';
import { JobStops } from '../../agent/job/stops.ts';
import { Turns } from '../../agent/job/turns.ts';
import { isRefusal } from '../../protocol/error-codes.ts';
import type { Json } from '../../protocol/json.ts';
import { aConnection } from './job-fixture.ts';
import { answerOf } from './scripted-caller.ts';
import { SimulatedClock } from './simulated-clock.ts';

export const keyId = 'AKIAEXAMPLE000000001';
export const noKeys = answerOf('ListAccessKeys', '<AccessKeyMetadata/><IsTruncated>false</IsTruncated>');
export const broken: CallAnswer = { kind: 'transport', code: 'closed', message: 'gone', ambiguous: true, attempts: 1 };

export function callOf(name: string, inputs: Readonly<Record<string, Json>>): PreparedCall {
  const action = findAction(name);
  if (action === undefined) throw new Error(`no action ${name}`);
  const values = action.inputs.flatMap((input) => {
    const value = inputs[input.label];
    return value === undefined ? [] : [[input, value] as const];
  });
  const call = prepareCall(action, new Map(values));
  if (isRefusal(call)) throw new Error(call.detail);
  return call;
}

export const create = (user: string): PreparedCall => callOf('create_access_key', { Username: user });
export const remove = (user: string): PreparedCall =>
  callOf('delete_access_key', { Username: user, 'Access Key': keyId });
export const list = (): PreparedCall => callOf('list_access_keys', { Username: 'alice' });

export function portsWith(caller: IamCaller, change: Partial<CallPorts> = {}) {
  const [drain, abort] = [new AbortController(), new AbortController()];
  const { waits, reads } = new JobStops(drain.signal, abort.signal);
  const intents: unknown[] = [];
  const ports: CallPorts = {
    caller,
    clock: new SimulatedClock(),
    connection: aConnection,
    sessionName: 's',
    turns: new Turns(),
    keepIntent: (intent) => Promise.resolve(void intents.push(intent)),
    stop: () => null,
    room: () => Promise.resolve(),
    drain: drain.signal,
    signal: abort.signal,
    waits,
    reads,
    ...change,
  };
  return { ports, drain, abort, intents };
}

export const change = ({ waits, reads }: JobStops): Pick<CallPorts, 'waits' | 'reads'> => ({ waits, reads });

export async function stepsOf(call: PreparedCall, ports: CallPorts): Promise<CallStep[]> {
  const steps: CallStep[] = [];
  for await (const step of callAws(call, null, ports)) steps.push(step);
  return steps;
}

export const kinds = (steps: readonly CallStep[]): string[] => steps.map((step) => step.kind);
