// Fuzzes the template compiler and the renderer: fails when a case crashes, works for longer than a second or never comes back, or when
// memory is not given back. The cases run in a worker, so that one that hangs can be named.
// `node scripts/fuzz-template.ts [--seconds 600] [--runs N] [--seed N]`
import { parseArgs } from 'node:util';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { isMainThread, Worker, workerData } from 'node:worker_threads';
import { fuzzTemplates } from '../test/support/template-fuzz.ts';

/** What may stay alive between the first tenth of the run and its end. */
const maxGrowthBytes = 32 * 1024 * 1024;
const maxSilenceMs = 20_000;
const maxShownBytes = 65_536;

interface Plan {
  readonly seconds: number;
  readonly runs: number;
  readonly seed: number;
  /** The number of cases and the length of the text, then the text of the case that runs now. */
  readonly shared: SharedArrayBuffer;
}

function fuzz({ seconds, runs, seed, shared }: Plan): void {
  const [counts, shown] = [new Int32Array(shared, 0, 2), new Uint8Array(shared, 8)];
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const liveBytes = (): number => {
    collect();
    return process.memoryUsage().heapUsed;
  };
  const encoder = new TextEncoder();
  const startedAt = performance.now();
  const passed = (): number => (performance.now() - startedAt) / 1_000;
  let early: number | null = null;
  const report = fuzzTemplates(
    seed,
    (now) => {
      if (early === null && (passed() > seconds / 10 || now.runs > runs / 10)) early = liveBytes();
      return passed() < seconds && now.runs < runs;
    },
    (template) => {
      counts[1] = encoder.encodeInto(template, shown).written;
      Atomics.add(counts, 0, 1);
    },
  );
  const late = liveBytes();
  const grown = late - (early ?? late);
  const megabytes = (bytes: number): string => `${(bytes / 1024 / 1024).toFixed(1)} MB`;
  const refusals = [...report.refusals].toSorted(([, a], [, b]) => b - a).map(([code, count]) => `${code} ${count}`);
  const { compiled, rendered, slowest, slowestMs, finding } = report;
  const lines = [
    `seed ${seed}, ${passed().toFixed(0)} s: ${report.runs} runs, ${compiled} compiled, ${rendered} rendered`,
    `refused: ${refusals.join(', ')}`,
    `slowest: ${slowestMs.toFixed(0)} ms for ${JSON.stringify(slowest.slice(0, 300))}`,
    `live heap: ${megabytes(early ?? late)} after a tenth of the run, ${megabytes(late)} at its end`,
  ];
  if (finding !== null)
    lines.push(`FOUND with the row '${finding.row}': ${finding.what}`, JSON.stringify(finding.template));
  else if (grown > maxGrowthBytes) lines.push(`FOUND: ${megabytes(grown)} more are alive at the end`);
  if (finding !== null || grown > maxGrowthBytes) process.exitCode = 1;
  process.stdout.write(`${lines.join('\n')}\n`);
}

/** Runs the cases and watches that each comes back. */
function watch(plan: Plan): void {
  const [counts, shown] = [new Int32Array(plan.shared, 0, 2), new Uint8Array(plan.shared, 8)];
  // As much stack as the main thread has.
  const worker = new Worker(new URL(import.meta.url), { workerData: plan, resourceLimits: { stackSizeMb: 1 } });
  let [seen, seenAt] = [0, performance.now()];
  const timer = setInterval(() => {
    const now = Atomics.load(counts, 0);
    if (now !== seen) [seen, seenAt] = [now, performance.now()];
    else if (performance.now() - seenAt > maxSilenceMs) {
      const template = new TextDecoder().decode(shown.slice(0, counts[1]));
      process.stdout.write(
        `FOUND after ${now} runs with seed ${plan.seed}: does not end\n${JSON.stringify(template)}\n`,
      );
      process.exitCode = 1;
      clearInterval(timer);
      void worker.terminate();
    }
  }, 1_000);
  worker.on('error', (error) => {
    process.stdout.write(`FOUND: the worker ended by ${error instanceof Error ? error.stack : String(error)}\n`);
    process.exitCode = 1;
  });
  worker.on('exit', (code) => {
    clearInterval(timer);
    if (code !== 0) process.exitCode = 1;
  });
}

if (isMainThread) {
  const { values } = parseArgs({
    options: {
      seconds: { type: 'string', default: '600' },
      runs: { type: 'string', default: '1000000000' },
      seed: { type: 'string', default: '1' },
    },
  });
  const [seconds, runs, seed] = [Number(values.seconds), Number(values.runs), Number(values.seed)];
  if (!(seconds > 0) || !(runs > 0) || !Number.isInteger(seed))
    throw new Error('--seconds and --runs are numbers above 0, --seed is an integer');
  watch({ seconds, runs, seed, shared: new SharedArrayBuffer(8 + maxShownBytes) });
} else fuzz(workerData as Plan);
