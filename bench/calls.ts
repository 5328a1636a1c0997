// What one call of AWS costs: the agent's own caller beside a bare loop over the SDK and boto3 with threads, against an endpoint in a process
// of its own. `node bench/calls.ts [--json] [--rounds N] [--seconds N]`: the object on stdout, the table on stderr.
import { execFile, spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';
import type { Connection } from '../agent/connection.ts';
import type { IamCaller } from '../agent/iam/iam-caller.ts';
import { systemClock } from '../agent/io/clock-system.ts';
import { pythonPath } from '../test/support/python.ts';

const inFlight = 16;
const warmCalls = 2000;

/** One run of one subject. */
interface Run {
  readonly calls: number;
  readonly seconds: number;
  readonly cpu_seconds: number;
}

export interface Figures {
  readonly calls_per_second: number;
  /** Processor time of the calling process. */
  readonly cpu_us_per_call: number;
  readonly calls_vs_raw_sdk: number;
  readonly cpu_vs_raw_sdk: number;
}

/**
 * `exchange`: one HTTP exchange of the agent with a request that is ready, the floor of the others. `agent`: a call, decoded. `agent_limited`:
 * the same behind the limiter, at a rate that it never holds back. `agent_row`: from a row's text to its envelopes, nothing kept.
 */
const subjects = ['raw_sdk', 'exchange', 'agent', 'agent_limited', 'agent_row', 'boto3'] as const;
type Subject = (typeof subjects)[number];

export interface CallsOptions {
  readonly rounds?: number;
  /** Length of one run, after the warm calls. */
  readonly seconds?: number;
  readonly only?: readonly string[];
  readonly onProgress?: (text: string) => void;
}

type Call = () => Promise<void>;

async function rawSdk(endpoint: string): Promise<Call> {
  const { IAMClient, ListAccessKeysCommand } = await import('@aws-sdk/client-iam');
  const credentials = { accessKeyId: 'AKIDBENCH00000000000', secretAccessKey: 'bench' };
  const client = new IAMClient({ region: 'us-east-1', endpoint, credentials });
  return async () => {
    const { AccessKeyMetadata } = await client.send(new ListAccessKeysCommand({ UserName: 'alice' }));
    if (AccessKeyMetadata?.length !== 2) throw new Error('not the answer of the stub');
  };
}

const rate = 1_000_000;

function connectionTo(endpoint: string, folder: string): Connection {
  return {
    label: 'bench',
    region: 'us-east-1',
    verifySsl: true,
    referenceValues: [],
    credentials: { kind: 'files', accessKeyFile: join(folder, 'access'), secretKeyFile: join(folder, 'secret') },
    allowedRoleArns: [],
    allow: ['list'],
    endpoints: { iam: endpoint, sts: endpoint },
    limits: { callsPerSecond: rate, maxCallsPerSecond: rate, burst: rate, inFlight },
    readBackSeconds: 60,
    deactivateOrphans: false,
    markCreated: false,
  };
}

/** The caller as the daemon makes it, credentials from files. */
async function agentCaller(connection: Connection, limited: boolean): Promise<IamCaller> {
  const { createIamCaller } = await import('../agent/io/call-iam.ts');
  const { limitedCaller } = await import('../agent/io/queue-p-queue.ts');
  const { readSecretFile, sharedStamps } = await import('../agent/io/keys-file.ts');
  const [clock, userAgent] = [systemClock(), 'iam-agent/bench'];
  const inner = createIamCaller([connection], { clock, userAgent, readSecretFile, secretFileStamp: sharedStamps() });
  return limited ? limitedCaller(inner, { clock }) : inner;
}

async function agentCall(connection: Connection, limited: boolean): Promise<Call> {
  const { callOnce } = await import('../agent/iam/call-once.ts');
  const caller = await agentCaller(connection, limited);
  const request = {
    service: 'iam',
    operation: 'ListAccessKeys',
    input: { UserName: 'alice' },
    connection,
    roleArn: null,
    sessionName: 'bench',
    repeat: 'safe',
    signal: new AbortController().signal,
  } as const;
  return async () => {
    const once = await callOnce(caller, request);
    const rows = once.kind === 'result' ? once.result['AccessKeyMetadata'] : null;
    if (!Array.isArray(rows) || rows.length !== 2)
      throw new Error(`not the answer of the stub: ${JSON.stringify(once)}`);
  };
}

async function agentRow(connection: Connection): Promise<Call> {
  const { allowJob } = await import('../agent/job/allow-job.ts');
  const { runRow } = await import('../agent/job/pipeline.ts');
  const { Turns } = await import('../agent/job/turns.ts');
  const job = { action: 'list_access_keys', connection: 'bench', inputs: { Username: '{{ user }}' }, options: {} };
  const plan = allowJob(job, new Map([['bench', connection]]));
  if ('kind' in plan) throw new Error(plan.detail);
  const { signal } = new AbortController();
  const nothing = async (): Promise<void> => await Promise.resolve();
  const common = {
    work: { job: 'bench' },
    sessionName: 'bench',
    clock: systemClock(),
    turns: new Turns(),
    drain: signal,
    waits: signal,
    reads: signal,
    signal,
  };
  const caller = await agentCaller(connection, true);
  const sink = { progress: nothing, end: nothing };
  const ports = { ...common, caller, sink, events: () => undefined, stop: () => null, room: nothing };
  const row = { row: 1, line: '{"user":"alice","team":"blue"}', progress: null };
  return async () => {
    const outcome = await runRow(plan, row, ports);
    if (outcome !== 'succeeded') throw new Error(`a row ended ${outcome}`);
  };
}

async function exchange(endpoint: string): Promise<Call> {
  const { createWire } = await import('../agent/io/raw-response.ts');
  const { openRoute } = await import('../agent/io/outbound.ts');
  const { addressOf } = await import('../agent/io/sdk-client.ts');
  const timeouts = { connectMs: 10_000, answerMs: 60_000 };
  const wire = createWire({ route: await openRoute({ verifySsl: true }), timeouts, maxAnswerBytes: 2 ** 23 });
  const { target, headers } = await addressOf('iam', connectionTo(endpoint, ''), 'iam-agent/bench');
  const body = 'Action=ListAccessKeys&Version=2010-05-08&UserName=alice';
  const request = { ...target, headers: { ...headers, 'content-length': String(body.length) }, body };
  const options = { fresh: false, signal: new AbortController().signal };
  return async () => {
    const end = await wire.exchange(request, options);
    if (end.kind !== 'response') throw new Error(`no answer of the stub: ${end.kind}`);
  };
}

async function callOf(subject: string, endpoint: string, folder: string): Promise<Call> {
  if (subject === 'raw_sdk') return await rawSdk(endpoint);
  if (subject === 'exchange') return await exchange(endpoint);
  const connection = connectionTo(endpoint, folder);
  return subject === 'agent_row' ? await agentRow(connection) : await agentCall(connection, subject !== 'agent');
}

async function runHere(subject: string, endpoint: string, folder: string, seconds: number): Promise<Run> {
  const call = await callOf(subject, endpoint, folder);
  const lanes = async (more: () => boolean): Promise<number> => {
    let calls = 0;
    const lane = async (): Promise<void> => {
      for (; more(); calls += 1) await call();
    };
    await Promise.all(Array.from({ length: inFlight }, lane));
    return calls;
  };
  let warm = warmCalls;
  await lanes(() => (warm -= 1) >= 0);
  const begun = performance.now();
  const cpu = process.cpuUsage();
  const calls = await lanes(() => performance.now() - begun < seconds * 1000);
  const passed = performance.now() - begun;
  const { user, system } = process.cpuUsage(cpu);
  return { calls, seconds: passed / 1000, cpu_seconds: (user + system) / 1e6 };
}

async function runChild(subject: Subject, endpoint: string, folder: string, seconds: number): Promise<Run> {
  const here = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
  const [file, args] =
    subject === 'boto3'
      ? [pythonPath(), [here('calls-boto3.py'), endpoint, String(inFlight), String(warmCalls), String(seconds)]]
      : [process.execPath, [here('calls.ts'), '--subject', subject, endpoint, folder, String(seconds)]];
  const { stdout } = await promisify(execFile)(file, args, { timeout: 120_000 });
  return JSON.parse(stdout) as Run;
}

async function startStub(): Promise<{ readonly endpoint: string; readonly stop: () => void }> {
  const stub = spawn(process.execPath, [fileURLToPath(new URL('calls-stub.ts', import.meta.url))], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  stub.stdout.once('data', (port: Buffer) => resolve(`http://127.0.0.1:${port.toString().trim()}`));
  stub.once('exit', () => reject(new Error('the stub did not start')));
  return { endpoint: await promise, stop: () => stub.stdin.end() };
}

const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
const rounded = (value: number): number => Number(value.toPrecision(3));

/** Medians of the rounds, in which the subjects take turns; ratios are of the medians. A subject that could not run is null. */
export async function measure(options: CallsOptions = {}): Promise<Record<Subject, Figures | null>> {
  const { rounds = 5, seconds = 2, only = subjects, onProgress = () => undefined } = options;
  const folder = await mkdtemp(join(tmpdir(), 'bench-calls-'));
  const runs = new Map<Subject, Run[]>();
  const stub = await startStub();
  try {
    for (const name of ['access', 'secret'])
      await writeFile(join(folder, name), `AKIDBENCH0000000${name}`, { mode: 0o600 });
    for (let round = 0; round < rounds; round += 1) {
      for (const subject of subjects.filter((name) => only.includes(name))) {
        try {
          const run = await runChild(subject, stub.endpoint, folder, seconds);
          runs.set(subject, [...(runs.get(subject) ?? []), run]);
          const us = Math.round((run.cpu_seconds / run.calls) * 1e6);
          onProgress(`${round + 1}/${rounds} ${subject}: ${Math.round(run.calls / run.seconds)} calls/s, ${us} µs`);
        } catch (error) {
          onProgress(`${subject} could not run: ${error instanceof Error ? error.message : String(error)}`);
        }
      }
    }
  } finally {
    stub.stop();
    await rm(folder, { recursive: true });
  }
  const speed = (subject: Subject): number =>
    median((runs.get(subject) ?? []).map(({ calls, seconds: s }) => calls / s));
  const cost = (subject: Subject): number =>
    median((runs.get(subject) ?? []).map(({ calls, cpu_seconds: s }) => (s / calls) * 1e6));
  const figures = (subject: Subject): Figures | null =>
    runs.has(subject)
      ? {
          calls_per_second: rounded(speed(subject)),
          cpu_us_per_call: rounded(cost(subject)),
          calls_vs_raw_sdk: rounded(speed(subject) / speed('raw_sdk')),
          cpu_vs_raw_sdk: rounded(cost(subject) / cost('raw_sdk')),
        }
      : null;
  return Object.fromEntries(subjects.map((name) => [name, figures(name)])) as Record<Subject, Figures | null>;
}

if (import.meta.main) {
  const { values, positionals } = parseArgs({
    options: {
      json: { type: 'boolean' },
      rounds: { type: 'string' },
      seconds: { type: 'string' },
      only: { type: 'string', multiple: true },
      subject: { type: 'string' },
    },
    allowPositionals: true,
  });
  if (values.subject !== undefined) {
    const [endpoint = '', folder = '', seconds = '2'] = positionals;
    process.stdout.write(JSON.stringify(await runHere(values.subject, endpoint, folder, Number(seconds))));
    process.exit(0);
  }
  const told = new console.Console(process.stderr);
  const result = await measure({
    rounds: Number(values.rounds ?? 5),
    seconds: Number(values.seconds ?? 2),
    ...(values.only === undefined ? {} : { only: values.only }),
    onProgress: (text) => told.log(text),
  });
  told.table(result);
  if (values.json === true) process.stdout.write(`${JSON.stringify(result)}\n`);
}
