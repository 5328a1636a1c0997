// The bench: every figure of the table against something that ran beside it. `npm run bench -- --json [--only KEY[,KEY]] [--quick]` prints one
// JSON object on standard output; progress, the table and the reasons of what was not measured go to standard error.
import process from 'node:process';
import { parseArgs } from 'node:util';
import { type Found, isMet, type Key, keys, type Measure, type Part, targets, targetText } from './measure/figures.ts';
import { measureGateway } from './measure/gateway.ts';
import { measureIdle } from './measure/idle.ts';
import { measureLatency } from './measure/latency.ts';
import { measureListing } from './measure/listing-path.ts';
import { measureMemory } from './measure/memory.ts';
import { measureRows } from './measure/rows.ts';
import { stopChildren } from './measure/process-figures.ts';
import { measureThrottled } from './measure/throttled.ts';

const notPossible =
  (text: string): Measure =>
  () =>
    Promise.resolve({ figures: {}, notes: [text] });

const measures: Readonly<Record<Part, Measure>> = {
  rows: measureRows,
  throttled: measureThrottled,
  memory: measureMemory,
  idle: measureIdle,
  latency: measureLatency,
  listing: measureListing,
  gateway: measureGateway,
  nodes: notPossible('the control plane has no PostgreSQL store yet'),
};

const say = (text: string): void => void process.stderr.write(`${text}\n`);

function wantedKeys(only: string | undefined): readonly Key[] {
  if (only === undefined) return keys;
  const names = only.split(',');
  const unknown = names.filter((name) => !(keys as readonly string[]).includes(name));
  if (unknown.length > 0) throw new Error(`--only: no such key: ${unknown.join(', ')}; known: ${keys.join(', ')}`);
  return keys.filter((key) => names.includes(key));
}

async function measured(part: Part, quick: boolean): Promise<Found> {
  say(`${part} ...`);
  const started = performance.now();
  try {
    return await measures[part]({ quick, say: (text) => say(`  ${text}`) });
  } catch (error) {
    return { figures: {}, notes: [error instanceof Error ? (error.stack ?? error.message) : String(error)] };
  } finally {
    say(`  ${((performance.now() - started) / 1_000).toFixed(1)} s`);
  }
}

const rounded = (value: number): number => Number(value.toPrecision(4));

const { values } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    only: { type: 'string' },
    quick: { type: 'boolean', default: false },
  },
});
const wanted = wantedKeys(values.only);
// What runs then ends with an error and cleans up behind itself; a second signal ends this process at once.
let stopping = false;
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.once(signal, () => {
    stopping = true;
    process.exitCode = 1;
    stopChildren();
  });
const results: Partial<Record<Key, number | null>> = {};
for (const part of new Set(wanted.map((key) => targets[key].part))) {
  const { figures, notes = [] } = stopping ? { figures: {}, notes: ['stopped'] } : await measured(part, values.quick);
  for (const note of notes) say(`  ${note}`);
  for (const key of wanted.filter((name) => targets[name].part === part)) {
    const value = figures[key] ?? null;
    results[key] = value === null ? null : rounded(value);
    if (value === null) say(`  ${key}: not measured${notes.length === 0 ? '' : ', for the reason above'}`);
  }
}

say(`\n${'key'.padEnd(26)}${'value'.padStart(10)}  ${'target'.padEnd(10)}  met`);
for (const key of wanted) {
  const value = results[key] ?? null;
  const met = isMet(key, value);
  say(
    `${key.padEnd(26)}${String(value ?? 'null').padStart(10)}  ${targetText(key).padEnd(10)}  ${met === null ? '-' : met ? 'yes' : 'no'}`,
  );
}
if (values.quick) say('--quick: fewer rows, agents and rounds; not figures to quote');
if (values.json) process.stdout.write(`${JSON.stringify(results)}\n`);
