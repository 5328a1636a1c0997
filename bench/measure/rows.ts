// Rows through the whole path against the same calls in a bare SDK loop and in boto3's thread pool: by time, and by processor time of the one
// process that makes the calls. The three take turns, at one concurrency, against one stub.
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import type { Found, Scale } from './figures.ts';
import { cpuSeconds, median, result } from './process-figures.ts';
import { inFlight, processFile, rowsJob, Stand } from './stand.ts';

const python = fileURLToPath(new URL('../../.venv/bin/python', import.meta.url));
const jobTimeoutMs = 300_000;

interface Run {
  readonly perSecond: number;
  readonly cpuMicroseconds: number;
}

interface LoopResult {
  readonly done: number;
  readonly seconds: number;
  readonly cpuSeconds: number;
}

const asRun = ({ done, seconds, cpuSeconds: cpu }: LoopResult): Run => ({
  perSecond: done / seconds,
  cpuMicroseconds: (cpu * 1e6) / done,
});

async function rawSdk(endpoint: string, calls: number): Promise<Run> {
  const args = [processFile('raw-sdk.ts'), 'calls', endpoint, String(calls), String(inFlight)];
  return asRun(await result<LoopResult>(process.execPath, args));
}

async function boto3(endpoint: string, calls: number): Promise<Run> {
  return asRun(
    await result<LoopResult>(python, [processFile('boto3_rows.py'), endpoint, String(calls), String(inFlight)]),
  );
}

/** From the request that makes the job until all of its results are stored. */
async function wholePath(stand: Stand, rows: number): Promise<Run & { controlPlaneMicroseconds: number }> {
  const [agent, controlPlane] = [cpuSeconds(stand.agentPid), cpuSeconds(stand.controlPlanePid)];
  const started = performance.now();
  const job = await stand.create(rowsJob, rows);
  await stand.stored(job, jobTimeoutMs);
  const seconds = (performance.now() - started) / 1_000;
  return {
    perSecond: rows / seconds,
    cpuMicroseconds: ((cpuSeconds(stand.agentPid) - agent) * 1e6) / rows,
    controlPlaneMicroseconds: ((cpuSeconds(stand.controlPlanePid) - controlPlane) * 1e6) / rows,
  };
}

export async function measureRows({ quick, say }: Scale): Promise<Found> {
  const [rounds, rows, sdkCalls, boto3Calls] = quick ? [3, 5_000, 3_000, 1_500] : [5, 20_000, 8_000, 3_000];
  const stand = await Stand.open();
  try {
    await wholePath(stand, 2_000);
    const [path, sdk, python3]: [Run[], Run[], Run[]] = [[], [], []];
    for (let round = 0; round < rounds; round += 1) {
      sdk.push(await rawSdk(stand.stub.url, sdkCalls));
      const run = await wholePath(stand, rows);
      path.push(run);
      python3.push(await boto3(stand.stub.url, boto3Calls));
      say(
        `rows/s: path ${shown(path)}, raw SDK ${shown(sdk)}, boto3 ${shown(python3)}; control plane ${Math.round(run.controlPlaneMicroseconds)} µs a row`,
      );
    }
    const speed = (runs: readonly Run[]): number => median(runs.map(({ perSecond }) => perSecond));
    const cpu = (runs: readonly Run[]): number => median(runs.map(({ cpuMicroseconds }) => cpuMicroseconds));
    return {
      figures: {
        rows_vs_raw_sdk: speed(path) / speed(sdk),
        rows_vs_boto3: speed(path) / speed(python3),
        cpu_per_row_vs_raw_sdk: cpu(path) / cpu(sdk),
      },
    };
  } finally {
    await stand.close();
  }
}

function shown(runs: readonly Run[]): string {
  const last = runs.at(-1);
  return last === undefined ? '-' : `${Math.round(last.perSecond)} (${Math.round(last.cpuMicroseconds)} µs)`;
}
