// Gives the agent and boto3 the same answers and puts what each made of them in one form, so that a test only has to compare.
import { createIamCaller } from '../../agent/io/call-iam.ts';
import { limitedCaller } from '../../agent/io/queue-p-queue.ts';
import type { Connection } from '../../agent/connection.ts';
import { systemClock } from '../../agent/io/clock-system.ts';
import { findAction } from '../../agent/iam/catalogue.ts';
import type { IamCaller } from '../../agent/iam/iam-caller.ts';
import { matchInputs, type PreparedCall, prepareCall } from '../../agent/iam/inputs.ts';
import { type ActionPage, runAction } from '../../agent/iam/run-action.ts';
import { isRefusal } from '../../protocol/error-codes.ts';
import type { Json } from '../../protocol/json.ts';
import type { Envelope } from '../../protocol/result-envelope.ts';

/** A connection to a test endpoint, fast enough not to be what a test waits for. */
export function testConnection(url: string, changes: Partial<Connection> = {}): Connection {
  return {
    label: 'test',
    region: 'us-east-1',
    verifySsl: true,
    referenceValues: [],
    credentials: { kind: 'files', accessKeyFile: 'access', secretKeyFile: 'secret' },
    allowedRoleArns: [],
    allow: [],
    endpoints: { iam: url, sts: url },
    limits: { callsPerSecond: 1000, maxCallsPerSecond: 1000, burst: 1000, inFlight: 8 },
    readBackSeconds: 0.05,
    ...changes,
  };
}

export interface TestCaller extends IamCaller {
  close(): void;
}

/** The real carrier, with the real clock and without the pauses between attempts. */
export function testCaller(connection: Connection, timeouts = { connectMs: 5000, answerMs: 5000 }): TestCaller {
  const clock = { ...systemClock(), random: () => 0 };
  const readSecretFile = async (path: string): Promise<string> =>
    await Promise.resolve(path === 'access' ? 'AKIDAGENT00000000000' : 'agent');
  const inner = createIamCaller([connection], { clock, userAgent: 'iam-agent/test', readSecretFile, timeouts });
  const outer = limitedCaller(inner, { clock });
  const close = (): void => {
    outer.close();
    inner.close();
  };
  return { call: async (request) => await outer.call(request), close };
}

export function prepared(name: string, inputs: Readonly<Record<string, Json>>): PreparedCall {
  const action = findAction(name);
  if (action === undefined) throw new Error(`no action ${name}`);
  const matched = matchInputs(action, Object.keys(inputs));
  if (isRefusal(matched)) throw new Error(matched.detail);
  const rendered = new Map([...matched].map(([given, input]) => [input, inputs[given] ?? null]));
  const call = prepareCall(action, rendered);
  if (isRefusal(call)) throw new Error(call.detail);
  return call;
}

export async function runPages(
  call: PreparedCall,
  caller: IamCaller,
  connection: Connection,
  signal = new AbortController().signal,
): Promise<ActionPage[]> {
  return await Array.fromAsync(runAction(call, { caller, connection, sessionName: 'job-1', signal }));
}

export async function runEnvelopes(call: PreparedCall, caller: IamCaller, connection: Connection): Promise<Envelope[]> {
  return (await runPages(call, caller, connection)).flatMap((page) => page.envelopes);
}

/** As it stands in the stream: undefined members gone, raw numbers printed. */
export function asJson(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value)) as unknown;
}
