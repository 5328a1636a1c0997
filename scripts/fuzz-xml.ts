// Runs random and hostile answers through the reader and the decoder of AWS's answers: node scripts/fuzz-xml.ts --seconds 600 --seed 1.
// Whatever comes in, they must give one of their results: no exception, no second of CPU for one answer, no growing heap, and no message that
// quotes the document. Else it ends with 1 and prints the answer; a case's number makes the same case again.
import { parseArgs } from 'node:util';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { actions } from '../agent/iam/catalogue.ts';
import { decodeAnswer } from '../agent/iam/decode.ts';
import { operationShapes } from '../agent/iam/schema.ts';
import { isXmlFault, readXml } from '../agent/iam/xml.ts';
import { seededRandom, type Random } from './fuzz/random.ts';
import { hostile, mutated, planted, validXml } from './fuzz/xml-cases.ts';

interface FuzzOptions {
  readonly seed: number;
  readonly seconds?: number;
  readonly runs?: number;
  /** Characters of the longest answers; the default is a little less than what the agent reads. */
  readonly largest?: number;
}

interface FuzzReport {
  readonly runs: number;
  readonly outcomes: Readonly<Record<string, number>>;
  readonly slowestMs: number;
  /** Operation and the beginning of its answer. */
  readonly slowest: string;
  /** MiB that live after a collection: when it was warm, and at the end. */
  readonly heap: readonly [warm: number, end: number];
  /** What must not be; empty when all is well. */
  readonly faults: readonly string[];
}

const mostCpuMs = 1000;
const mostGrowthMiB = 16;
const warmAfter = 0.2;

function collector(): () => void {
  setFlagsFromString('--expose-gc');
  return runInNewContext('gc') as () => void;
}

function liveMiB(collect: () => void): number {
  collect();
  return process.memoryUsage().heapUsed / 2 ** 20;
}

interface Case {
  readonly service: 'iam' | 'sts';
  readonly operation: string;
  readonly status: number;
  readonly body: Uint8Array | string;
}

function validAnswer(random: Random, { service, operation }: Pick<Case, 'service' | 'operation'>): string {
  const shape = operationShapes(service, operation)?.output ?? null;
  const result = shape === null ? '' : `<${operation}Result>${validXml(random, shape)}</${operation}Result>`;
  const metadata = `<ResponseMetadata><RequestId>${planted}</RequestId></ResponseMetadata>`;
  const error = `<ErrorResponse><Error><Code>C</Code><Message>${planted}</Message></Error></ErrorResponse>`;
  if (random.integer(8) === 0) return error;
  return `<?xml version="1.0"?><${operation}Response xmlns="urn:x">${result}${metadata}</${operation}Response>`;
}

function makeCase(random: Random, largest: number): Case {
  const { service, operation } = random.pick(actions);
  const source = validAnswer(random, { service, operation });
  const way = random.integer(20);
  let body: Uint8Array | string = source;
  if (way > 2) body = mutated(random, source, validAnswer(random, random.pick(actions)));
  if (way === 19) body = hostile(random, source, largest);
  if (random.integer(4) > 0) {
    const bytes = Buffer.from(body);
    // Bytes that may be no UTF-8.
    if (random.integer(6) === 0 && bytes.length > 0) bytes[random.integer(bytes.length)] = random.integer(256);
    body = bytes;
  }
  return { service, operation, status: random.pick([200, 200, 200, 200, 307, 400, 404, 500, 503]), body };
}

interface Judged {
  readonly outcome: string;
  /** CPU of the slower one of reading and decoding, which reads again. */
  readonly ms: number;
}

const cpuMs = ({ user, system }: NodeJS.CpuUsage): number => (user + system) / 1000;

/** @throws whatever the code under test throws */
function judge({ service, operation, status, body }: Case, strict: boolean): Judged {
  const start = process.cpuUsage();
  const tree = readXml(body);
  const readMs = cpuMs(process.cpuUsage(start));
  if (isXmlFault(tree) && tree.detail.includes(planted))
    throw new Error(`the fault quotes the document: ${tree.detail}`);
  const answer = { kind: 'answer', status, headers: [['a', 'b']], body, attempts: 1 } as const;
  const again = process.cpuUsage();
  const decoded = decodeAnswer(service, operation, answer, strict);
  const ms = Math.max(readMs, cpuMs(process.cpuUsage(again)));
  if (decoded.kind === 'malformed' && decoded.detail.includes(planted)) throw new Error(`it quotes: ${decoded.detail}`);
  if (decoded.kind === 'result') JSON.stringify(decoded.result);
  return { outcome: decoded.kind, ms };
}

export function fuzzXml({ seed, seconds = Infinity, runs = Infinity, largest = 8_000_000 }: FuzzOptions): FuzzReport {
  const collect = collector();
  const outcomes: Record<string, number> = {};
  const faults: string[] = [];
  const started = performance.now();
  let warm: number | null = null;
  let slowest = { ms: 0, title: '' };
  let run = 0;
  for (; run < runs && faults.length === 0; run += 1) {
    const passed = Math.max((performance.now() - started) / 1000 / seconds, run / runs);
    if (passed >= 1) break;
    if (warm === null && passed >= warmAfter) warm = liveMiB(collect);
    // Each case has a seed of its own, so that it can be run alone.
    const random = seededRandom(seed * 1_000_003 + run);
    const made = makeCase(random, largest);
    const title = `seed ${seed}, case ${run}: ${made.operation} ${made.status}`;
    try {
      const { outcome, ms } = judge(made, random.integer(2) === 0);
      outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
      if (ms > slowest.ms) slowest = { ms, title: `${title} ${JSON.stringify(shown(made.body).slice(0, 120))}` };
      if (ms > mostCpuMs) faults.push(`${title} took ${Math.round(ms)} ms\n${shown(made.body)}`);
    } catch (error) {
      faults.push(`${title} threw ${String(error)}\n${shown(made.body)}`);
    }
  }
  const end = liveMiB(collect);
  const heap = [warm ?? end, end] as const;
  if (end - heap[0] > mostGrowthMiB) faults.push(`the heap grew from ${heap[0].toFixed(1)} to ${end.toFixed(1)} MiB`);
  return { runs: run, outcomes, slowestMs: slowest.ms, slowest: slowest.title, heap, faults };
}

function shown(body: Uint8Array | string): string {
  const text = typeof body === 'string' ? body : Buffer.from(body).toString('latin1');
  return text.length > 4000 ? `${text.slice(0, 2000)} … (${text.length}) … ${text.slice(-2000)}` : text;
}

function main(): void {
  const { values } = parseArgs({
    options: { seconds: { type: 'string', default: '60' }, seed: { type: 'string', default: '1' } },
  });
  const [seconds, seed] = [Number(values.seconds), Number(values.seed)];
  if (!(seconds > 0) || !Number.isSafeInteger(seed)) {
    process.stderr.write('usage: node scripts/fuzz-xml.ts [--seconds N] [--seed N]\n');
    process.exitCode = 2;
    return;
  }
  const report = fuzzXml({ seconds, seed });
  const outcomes = Object.entries(report.outcomes).map(([name, count]) => `${name} ${count}`);
  const [warm, end] = report.heap.map((size) => `${size.toFixed(1)} MiB`);
  process.stdout.write(
    `${report.runs} answers in ${seconds} s: ${outcomes.join(', ')}\nslowest: ${report.slowestMs.toFixed(1)} ms of CPU, ${report.slowest}\n` +
      `live heap: ${warm} when warm, ${end} at the end\n`,
  );
  for (const fault of report.faults) process.stderr.write(`${fault}\n`);
  process.exitCode = report.faults.length === 0 ? 0 : 1;
}

if (import.meta.main) main();
