// What a long listing costs in memory: `iam-agent exec list_users` over 10, 100 and 400 pages of 1,000 users, and the same as merged details
// given as rows; and a credential report of 1,000 and 10,000 users as rows. The peak must not grow with the pages. `node bench/listing.ts [--json]`
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const pageItems = 1_000;
const pageCounts = [10, 100, 400];
/** An answer of AWS has at most 8 MiB. */
const reportPages = [1, 10];

const users = (page: number): string =>
  Array.from({ length: pageItems }, (_none, index) => {
    const name = `user-${page}-${index}`;
    return `<member><Path>/</Path><UserName>${name}</UserName><UserId>AIDAEXAMPLE${index}</UserId><Arn>arn:aws:iam::123456789012:user/${name}</Arn><CreateDate>2021-06-09T04:17:00Z</CreateDate></member>`;
  }).join('');

/** Twenty-two columns, as AWS's has. */
function report(lines: number): string {
  const columns = Array.from({ length: 20 }, (_none, index) => `column_${index}`);
  const values = columns.map(() => '2021-06-09T04:17');
  const text = [
    ['user', 'arn', ...columns].join(','),
    ...Array.from({ length: lines }, (_none, index) =>
      [`user-${index}`, 'arn:aws:iam::123456789012:user/u', ...values].join(','),
    ),
  ].join('\n');
  return `<Content>${Buffer.from(text).toString('base64')}</Content><GeneratedTime>2026-01-02T03:04:05Z</GeneratedTime>`;
}

/** Answers the listings with as many pages as it is told. */
function answer(operation: string, page: number, pages: number): string {
  if (operation === 'GetCredentialReport') return whole(operation, report(pages * pageItems));
  const list = operation === 'ListUsers' ? 'Users' : 'UserDetailList';
  const more =
    page + 1 < pages
      ? `<IsTruncated>true</IsTruncated><Marker>${page + 1}</Marker>`
      : '<IsTruncated>false</IsTruncated>';
  return whole(operation, `<${list}>${users(page)}</${list}>${more}`);
}

const whole = (operation: string, result: string): string =>
  `<${operation}Response><${operation}Result>${result}</${operation}Result><ResponseMetadata><RequestId>r</RequestId></ResponseMetadata></${operation}Response>`;

const state = { pages: 1 };
const server = createServer((request, response) => {
  let body = '';
  request.on('data', (chunk: Buffer) => (body += chunk.toString()));
  request.on('end', () => {
    const form = new URLSearchParams(body);
    response.end(answer(form.get('Action') ?? '', Number(form.get('Marker') ?? 0), state.pages));
  });
});
server.listen(0, '127.0.0.1');
await once(server, 'listening');
const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

const folder = mkdtempSync(join(tmpdir(), 'bench-listing-'));
for (const name of ['access', 'secret']) writeFileSync(join(folder, name), 'AKIDEXAMPLE000000000', { mode: 0o600 });
const config = join(folder, 'config.yaml');
writeFileSync(
  config,
  `control_plane: { url: http://127.0.0.1:1 }\nstate_dir: ./state\nconnections:\n  - label: prod\n    credentials: { access_key_file: ./access, secret_key_file: ./secret }\n    endpoints: { iam: ${url}, sts: ${url} }\n    limits: { calls_per_second: 1000, max_calls_per_second: 1000 }\n`,
  { mode: 0o600 },
);
const peak = join(folder, 'peak.mjs');
writeFileSync(
  peak,
  `process.on('exit', () => process.stderr.write('\\npeak ' + process.resourceUsage().maxRSS + '\\n'));\n`,
);
const program = fileURLToPath(new URL('../agent/main.ts', import.meta.url));

async function run(
  action: string,
  sets: readonly string[],
  pages: number,
): Promise<{ items: number; peakMb: number; seconds: number }> {
  state.pages = pages;
  const started = performance.now();
  const words = [
    '--import',
    peak,
    program,
    'exec',
    action,
    '--config',
    config,
    '--connection',
    'prod',
    ...sets.flatMap((set) => ['--set', set]),
  ];
  const child = spawn(process.execPath, words, { stdio: ['ignore', 'pipe', 'pipe'] });
  let items = 0;
  let errors = '';
  child.stdout.on('data', (chunk: Buffer) => {
    for (const byte of chunk) if (byte === 10) items += 1;
  });
  child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
  const [code] = (await once(child, 'close')) as [number];
  const found = /peak (\d+)/.exec(errors);
  if (code !== 0 || found === null) throw new Error(`${action} ended with ${code}: ${errors}`);
  return {
    items,
    peakMb: Math.round(Number(found[1]) / 1024),
    seconds: Math.round(performance.now() - started) / 1000,
  };
}

const { values } = parseArgs({ options: { json: { type: 'boolean' } } });
const result: Record<string, Awaited<ReturnType<typeof run>>> = {};
try {
  for (const pages of pageCounts) {
    result[`list_users, ${pages} pages`] = await run('list_users', [], pages);
    result[`details as rows, ${pages} pages`] = await run('get_account_authorization_details', ['As Rows=True'], pages);
  }
  for (const pages of reportPages)
    result[`report as rows, ${pages * pageItems} users`] = await run('get_credential_report', ['As Rows=True'], pages);
} finally {
  server.close();
  rmSync(folder, { recursive: true });
}
if (values.json === true) process.stdout.write(`${JSON.stringify(result)}\n`);
else console.table(result);
