// What the catalogue costs: microseconds from rendered inputs to a checked call, and what a process that has loaded the daemon's modules takes
// to start and holds when idle. `node bench/actions.ts [--json] [--beside DIRECTORY]`; DIRECTORY is another checkout, measured in turn.
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const rounds = 7;
const callsPerRound = 20_000;

/** Rows by action; both checkouts must know the action for its figure. */
const rows: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  create_access_key: { Username: 'alice' },
  update_access_key: { Username: 'alice', 'Access Key': 'AKIDEXAMPLE000000000', Status: 'Inactive' },
  list_policies: { Scope: 'Local', 'Only Attached': 'True', 'Max Items': '50' },
  tag_user: { Username: 'alice', Tags: "[{'Key': 'team', 'Value': 'blue'}, {'Key': 'cost', 'Value': '7'}]" },
  simulate_principal_policy: {
    'Policy Source ARN': 'arn:aws:iam::123456789012:user/alice',
    'Action Names': '["iam:GetUser", "iam:ListUsers"]',
  },
};

interface Figures {
  readonly startMs: number;
  readonly idleRssMb: number;
  readonly idleHeapMb: number;
  readonly callUs: Readonly<Record<string, number>>;
}

/** Runs in a process of its own, in either checkout. */
const probe = `
  const [directory, rowsText, calls] = process.argv.slice(1);
  const started = performance.now();
  await import(directory + 'agent/compose.ts');
  const { findAction } = await import(directory + 'agent/iam/catalogue.ts');
  const startMs = performance.now() - started;
  globalThis.gc();
  const { rss, heapUsed } = process.memoryUsage();
  const { matchInputs, prepareCall } = await import(directory + 'agent/iam/inputs.ts');
  const callUs = {};
  for (const [name, row] of Object.entries(JSON.parse(rowsText))) {
    const action = findAction(name);
    if (action === undefined) continue;
    const rendered = new Map([...matchInputs(action, Object.keys(row))].map(([given, input]) => [input, row[given]]));
    if (prepareCall(action, rendered).kind === 'refused') throw new Error(name);
    const run = () => { for (let at = 0; at < calls; at += 1) prepareCall(action, rendered); };
    run();
    const begun = performance.now();
    run();
    callUs[name] = (performance.now() - begun) * 1000 / calls;
  }
  console.log(JSON.stringify({ startMs, idleRssMb: rss / 1e6, idleHeapMb: heapUsed / 1e6, callUs }));
`;

function measure(directory: string): Figures {
  const words = [
    '--expose-gc',
    '--input-type=module',
    '--eval',
    probe,
    '--',
    directory,
    JSON.stringify(rows),
    String(callsPerRound),
  ];
  return JSON.parse(execFileSync(process.execPath, words, { encoding: 'utf8' })) as Figures;
}

const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;

function summary(all: readonly Figures[]): Record<string, number> {
  const round = (value: number): number => Math.round(value * 100) / 100;
  const calls = Object.keys(rows).map((name): [string, number] => {
    const known = all.flatMap(({ callUs }) => callUs[name] ?? []);
    return [`${name}_us`, round(median(known))];
  });
  return {
    start_ms: round(median(all.map(({ startMs }) => startMs))),
    idle_rss_mb: round(median(all.map(({ idleRssMb }) => idleRssMb))),
    idle_heap_mb: round(median(all.map(({ idleHeapMb }) => idleHeapMb))),
    ...Object.fromEntries(calls.filter(([, value]) => !Number.isNaN(value))),
  };
}

const { values } = parseArgs({ options: { json: { type: 'boolean' }, beside: { type: 'string' } } });
const own = fileURLToPath(new URL('..', import.meta.url));
const subjects = new Map([['this checkout', own]]);
if (values.beside !== undefined) subjects.set('beside', `${values.beside}/`);
const measured = new Map([...subjects.keys()].map((name): [string, Figures[]] => [name, []]));
for (let round = 0; round < rounds; round += 1) {
  for (const [name, directory] of subjects) measured.get(name)?.push(measure(directory));
}
const result = Object.fromEntries([...measured].map(([name, all]) => [name, summary(all)]));
if (values.json === true) process.stdout.write(`${JSON.stringify(result)}\n`);
else for (const [name, figures] of Object.entries(result)) console.table({ [name]: figures });
