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
import { type Script, type ScriptedEndpoint, startScriptedEndpoint } from '../support/scripted-endpoint.ts';
import { type OracleAnswer, type OracleCall, Boto3Oracle } from './boto3.ts';

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
    deactivateOrphans: false,
    markCreated: false,
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
  return await Array.fromAsync(
    runAction(call, { caller, clock: systemClock(), connection, sessionName: 'job-1', signal }),
  );
}

export async function runEnvelopes(call: PreparedCall, caller: IamCaller, connection: Connection): Promise<Envelope[]> {
  return (await runPages(call, caller, connection)).flatMap((page) => page.envelopes);
}

/** As it stands in the stream: undefined members gone, raw numbers printed. */
export function asJson(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value)) as unknown;
}

export interface SideBySide {
  readonly endpoint: ScriptedEndpoint;
  readonly caller: TestCaller;
  readonly connection: Connection;
  /** Runs the action on the steps, then boto3 on the same ones. */
  readonly both: (
    action: string,
    inputs: Readonly<Record<string, Json>>,
    steps: Script,
    boto: BotoCall,
  ) => Promise<Both>;
  readonly boto: (steps: Script, call: BotoCall) => Promise<OracleAnswer>;
}

type BotoCall = Omit<OracleCall, 'service' | 'endpoint'> & Partial<Pick<OracleCall, 'service' | 'endpoint'>>;

interface Both {
  readonly pages: readonly ActionPage[];
  readonly ours: readonly Envelope[];
  readonly theirs: OracleAnswer;
  /** Requests that the agent made. */
  readonly sent: number;
}

/** One endpoint, one oracle and one caller for the suite that calls this. */
export function useSideBySide(): () => SideBySide {
  let made: SideBySide | null = null;
  let release: () => Promise<void> = async () => await Promise.resolve();
  before(async () => {
    const endpoint = await startScriptedEndpoint();
    const oracle = new Boto3Oracle();
    const connection = testConnection(endpoint.url);
    const caller = testCaller(connection);
    release = async () => {
      caller.close();
      await oracle.stop();
      await endpoint.stop();
    };
    const boto = async (steps: Script, call: BotoCall): Promise<OracleAnswer> => {
      endpoint.play(steps);
      return await oracle.call({ service: 'iam', endpoint: endpoint.url, ...call });
    };
    const both: SideBySide['both'] = async (action, inputs, steps, call) => {
      endpoint.play(steps);
      const pages = await runPages(prepared(action, inputs), caller, connection);
      const sent = endpoint.requests.length;
      const theirs = await boto(steps, call);
      return { pages, ours: pages.flatMap((page) => page.envelopes), theirs, sent };
    };
    made = { endpoint, caller, connection, both, boto };
  });
  after(async () => await release());
  return () => {
    if (made === null) throw new Error('the suite has not started');
    return made;
  };
}
