// Fuzzes the template compiler and the renderer: fails when a case crashes, works for longer than a second, or when memory is not given back.
// `node scripts/fuzz-template.ts [--seconds 600] [--seed N]`
import { parseArgs } from 'node:util';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { fuzzTemplates } from '../test/support/template-fuzz.ts';

/** What may stay alive between the first tenth of the run and its end. */
const maxGrowthBytes = 32 * 1024 * 1024;

const { values } = parseArgs({
  options: { seconds: { type: 'string', default: '600' }, seed: { type: 'string', default: '1' } },
});
const [seconds, seed] = [Number(values.seconds), Number(values.seed)];
if (!(seconds > 0) || !Number.isInteger(seed)) throw new Error('--seconds is a number above 0 and --seed an integer');

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;
function liveBytes(): number {
  collect();
  return process.memoryUsage().heapUsed;
}

const startedAt = performance.now();
const passed = (): number => (performance.now() - startedAt) / 1_000;
let early: number | null = null;
const report = fuzzTemplates(seed, () => {
  if (early === null && passed() > seconds / 10) early = liveBytes();
  return passed() < seconds;
});
const late = liveBytes();
const grown = late - (early ?? late);
const megabytes = (bytes: number): string => `${(bytes / 1024 / 1024).toFixed(1)} MB`;
const refusals = [...report.refusals].toSorted(([, a], [, b]) => b - a).map(([code, count]) => `${code} ${count}`);
process.stdout.write(
  [
    `seed ${seed}, ${passed().toFixed(0)} s: ${report.runs} runs, ${report.compiled} compiled, ${report.rendered} rendered`,
    `refused: ${refusals.join(', ')}`,
    `slowest: ${report.slowestMs.toFixed(0)} ms for ${JSON.stringify(report.slowest.slice(0, 300))}`,
    `live heap: ${megabytes(early ?? late)} after a tenth of the run, ${megabytes(late)} at its end`,
    '',
  ].join('\n'),
);
if (report.finding !== null) {
  const { template, row, what } = report.finding;
  process.stdout.write(
    `FOUND after ${report.runs} runs, with the row '${row}': ${what}\n${JSON.stringify(template)}\n`,
  );
  process.exitCode = 1;
} else if (grown > maxGrowthBytes) {
  process.stdout.write(`FOUND: ${megabytes(grown)} more are alive at the end\n`);
  process.exitCode = 1;
}
