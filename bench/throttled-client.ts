// One client of throttled.ts in a process of its own: `sdk_standard` and `sdk_adaptive` are the AWS SDK as it comes, `ours_warm` is the agent's own
// way to AWS after it has learned the bucket. Writes {"failed": rows} to stdout.
import { IAMClient, ListAccessKeysCommand } from '@aws-sdk/client-iam';
import { parseArgs } from 'node:util';
import { awsCaller } from '../agent/compose.ts';
import { systemClock } from '../agent/io/clock-system.ts';
import type { Connection } from '../agent/connection.ts';

const { values } = parseArgs({
  options: {
    mode: { type: 'string', default: '' },
    url: { type: 'string', default: '' },
    rows: { type: 'string', default: '1000' },
    'in-flight': { type: 'string', default: '16' },
    secret: { type: 'string', default: '' },
  },
});
const { url, mode } = values;
const inFlight = Number(values['in-flight']);

/** True: the row ended well. */
type RunRow = (user: string) => Promise<boolean>;

async function failedOf(rows: number, runRow: RunRow): Promise<number> {
  let next = 0;
  let failed = 0;
  const worker = async (): Promise<void> => {
    while (next < rows) {
      next += 1;
      if (!(await runRow(`user-${next}`))) failed += 1;
    }
  };
  await Promise.all(Array.from({ length: inFlight }, worker));
  return failed;
}

function sdk(retryMode: 'standard' | 'adaptive'): RunRow {
  const credentials = { accessKeyId: 'AKIDEXAMPLE000000000', secretAccessKey: 'example' };
  const client = new IAMClient({ region: 'us-east-1', endpoint: url, credentials, retryMode });
  return async (UserName) => {
    try {
      await client.send(new ListAccessKeysCommand({ UserName }));
      return true;
    } catch {
      return false;
    }
  };
}

function ours(): { runRow: RunRow; close: () => void } {
  const connection: Connection = {
    label: 'bench',
    region: 'us-east-1',
    verifySsl: true,
    referenceValues: [],
    credentials: { kind: 'files', accessKeyFile: values.secret, secretKeyFile: values.secret },
    allowedRoleArns: [],
    allow: [],
    endpoints: { iam: url, sts: url },
    limits: { callsPerSecond: 5, maxCallsPerSecond: 1000, burst: 10, inFlight },
    readBackSeconds: 60,
    deactivateOrphans: false,
    markCreated: false,
  };
  const caller = awsCaller([connection], { version: '0.0.0', clock: systemClock(), events: () => undefined });
  const runRow: RunRow = async (UserName) => {
    const answer = await caller.call({
      service: 'iam',
      operation: 'ListAccessKeys',
      input: { UserName },
      connection,
      roleArn: null,
      sessionName: 'bench',
      repeat: 'safe',
      signal: new AbortController().signal,
    });
    return answer.kind === 'answer' && answer.status === 200;
  };
  return { runRow, close: () => caller.close() };
}

const rows = Number(values.rows);
let failed: number;
if (mode === 'ours_warm') {
  const { runRow, close } = ours();
  await failedOf(300, runRow);
  await fetch(`${url}/start`);
  failed = await failedOf(rows, runRow);
  close();
} else failed = await failedOf(rows, sdk(mode === 'sdk_adaptive' ? 'adaptive' : 'standard'));
process.stdout.write(`${JSON.stringify({ failed })}\n`);
