// The baseline: a bare loop over @aws-sdk/client-iam with its defaults, in a process of its own. Nothing checked, kept, or sent on.
// `raw-sdk.ts calls URL COUNT IN_FLIGHT` or `raw-sdk.ts list URL`; prints one line of JSON.
import { IAMClient, ListAccessKeysCommand, paginateListUsers } from '@aws-sdk/client-iam';
import process from 'node:process';

const warmUpCalls = 500;
const [mode, endpoint = '', count = '0', inFlight = '16'] = process.argv.slice(2);
const client = new IAMClient({
  endpoint,
  region: 'us-east-1',
  credentials: { accessKeyId: 'AKIAIOSFODNN7EXAMPLE', secretAccessKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY' },
});

async function calls(total: number): Promise<number> {
  let left = total;
  const worker = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      await client.send(new ListAccessKeysCommand({ UserName: `user-${left}` }));
    }
  };
  await Promise.all(Array.from({ length: Number(inFlight) }, worker));
  return total;
}

async function list(): Promise<number> {
  let items = 0;
  for await (const page of paginateListUsers({ client, pageSize: 1_000 }, {})) items += page.Users?.length ?? 0;
  return items;
}

if (mode === 'calls') await calls(warmUpCalls);
const started = performance.now();
const cpu = process.cpuUsage();
const done = mode === 'list' ? await list() : await calls(Number(count));
const { user, system } = process.cpuUsage(cpu);
const seconds = (performance.now() - started) / 1_000;
process.stdout.write(`${JSON.stringify({ done, seconds, cpuSeconds: (user + system) / 1e6 })}\n`);
client.destroy();
