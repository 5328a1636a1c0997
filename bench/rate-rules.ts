// Rules for the rate of calls, compared in simulated time over the same hidden buckets: how near each comes to what the bucket allows, how many
// calls are refused, how many rows fail. `node bench/rate-rules.ts [--json]`; the same code gives the same table.
import { parseArgs } from 'node:util';
import { HiddenBucket } from '../test/support/hidden-bucket.ts';
import {
  aimd,
  botocoreAdaptive,
  cubic,
  type MakeRule,
  ours,
  type RateRule,
  sdkAdaptive,
} from '../test/support/rate-rules.ts';
import { SimulatedClock } from '../test/support/simulated-clock.ts';

const rules: Readonly<Record<string, MakeRule>> = { ours, aimd, cubic, sdkAdaptive, botocoreAdaptive };

interface Course {
  readonly name: string;
  /** How long the rows take at the bucket's first rate, in seconds. */
  readonly seconds: number;
  /** Tokens a second, and calls a second of another client, as parts of the first rate. */
  readonly rateAt: (ms: number) => number;
  readonly othersAt: (ms: number) => number;
}

const courses: readonly Course[] = [
  { name: 'steady', seconds: 50, rateAt: () => 1, othersAt: () => 0 },
  { name: 'shared', seconds: 150, rateAt: () => 1, othersAt: (ms) => (ms >= 40_000 && ms < 100_000 ? 0.5 : 0) },
  { name: 'halves', seconds: 100, rateAt: (ms) => (ms < 40_000 ? 1 : 0.5), othersAt: () => 0 },
  { name: 'doubles', seconds: 100, rateAt: (ms) => (ms < 40_000 ? 1 : 2), othersAt: () => 0 },
];
const rates = [5, 20, 100];
const inFlights = [4, 16, 64];
const latenciesMs = [5, 50, 200];

interface Case {
  readonly course: Course;
  /** Tokens a second at first. */
  readonly rate: number;
  readonly inFlight: number;
  /** Mean; each call takes half to one and a half of it. */
  readonly latencyMs: number;
}

interface Outcome {
  /** The least time that bucket and latency allow, over the time it took. */
  readonly vsBucket: number;
  readonly refusedShare: number;
  readonly failedRows: number;
}

const burst = 40;
/** What is set by an operator who does not know the bucket: the defaults, and a ceiling that is none. */
const limits = { callsPerSecond: 5, maxCallsPerSecond: 1000, burst: 10 };

/** The earliest end of so many calls, when no other client's call is refused. */
function boundMs({ course, rate, inFlight, latencyMs }: Case, rows: number): number {
  const stepMs = 5;
  let tokens = burst;
  let left = rows;
  let ms = 0;
  for (; left > 0; ms += stepMs) {
    tokens = Math.min(burst, tokens + rate * (course.rateAt(ms) - course.othersAt(ms)) * (stepMs / 1000));
    const sent = Math.min(tokens, left, (inFlight * stepMs) / latencyMs);
    tokens -= sent;
    left -= sent;
  }
  return ms;
}

class Run {
  readonly #clock: SimulatedClock;
  readonly #hidden: HiddenBucket;
  readonly #rule: RateRule;
  readonly #case: Case;
  #left: number;
  #over = false;
  #refused = 0;
  #accepted = 0;
  #failed = 0;

  constructor(make: MakeRule, of: Case, rows: number) {
    this.#clock = new SimulatedClock();
    this.#hidden = new HiddenBucket(this.#clock, { rateAt: (ms) => of.rate * of.course.rateAt(ms), burst });
    this.#rule = make(this.#clock, limits);
    this.#case = of;
    this.#left = rows;
  }

  async outcome(leastMs: number): Promise<Outcome> {
    const others = this.#others();
    const workers = Promise.all(Array.from({ length: this.#case.inFlight }, async () => await this.#worker()));
    const tookMs = await this.#clock.run(workers.then(() => this.#clock.monotonicMs()));
    this.#over = true;
    await this.#clock.run(others);
    const refusedShare = this.#refused / (this.#refused + this.#accepted);
    return { vsBucket: leastMs / tookMs, refusedShare, failedRows: this.#failed };
  }

  async #worker(): Promise<void> {
    while (this.#left > 0) {
      this.#left -= 1;
      await this.#row();
    }
  }

  async #row(): Promise<void> {
    const startedMs = this.#clock.monotonicMs();
    for (let attempts = 1; ; attempts += 1) {
      const learn = await this.#rule.take();
      const halfMs = (this.#case.latencyMs / 2) * (0.5 + this.#clock.random());
      await this.#clock.sleep(halfMs);
      const ok = this.#hidden.take();
      await this.#clock.sleep(halfMs);
      if (ok) {
        learn.accepted();
        this.#accepted += 1;
        this.#rule.succeeded(attempts);
        return;
      }
      learn.throttled();
      this.#refused += 1;
      const afterMs = this.#rule.retryAfter(attempts, this.#clock.monotonicMs() - startedMs);
      if (afterMs === null) {
        this.#failed += 1;
        return;
      }
      await this.#clock.sleep(afterMs);
    }
  }

  async #others(): Promise<void> {
    const { course, rate } = this.#case;
    while (!this.#over) {
      const perSecond = rate * course.othersAt(this.#clock.monotonicMs());
      if (perSecond > 0) this.#hidden.take();
      await this.#clock.sleep(perSecond > 0 ? 1000 / perSecond : 500);
    }
  }
}

async function measure(make: MakeRule, of: Case): Promise<Outcome> {
  const rows = of.course.seconds * of.rate;
  return await new Run(make, of, rows).outcome(boundMs(of, rows));
}

interface Summary {
  readonly course: string;
  readonly tokensPerSecond: number;
  readonly rule: string;
  /** Worst and median of all numbers in flight and latencies. */
  readonly vsBucket: readonly [worst: number, median: number];
  readonly refusedShare: readonly [worst: number, median: number];
  readonly failedRows: number;
}

const round = (value: number): number => Math.round(value * 1000) / 1000;

function summaryOf(course: string, tokensPerSecond: number, rule: string, outcomes: readonly Outcome[]): Summary {
  const sorted = (of: (outcome: Outcome) => number): number[] => outcomes.map(of).toSorted((a, b) => a - b);
  const middle = (values: readonly number[]): number => round(values[Math.floor(values.length / 2)] ?? 0);
  const [times, refused] = [sorted(({ vsBucket }) => vsBucket), sorted(({ refusedShare }) => refusedShare)];
  return {
    course,
    tokensPerSecond,
    rule,
    vsBucket: [round(times[0] ?? 0), middle(times)],
    refusedShare: [round(refused.at(-1) ?? 0), middle(refused)],
    failedRows: outcomes.reduce((sum, { failedRows }) => sum + failedRows, 0),
  };
}

async function summaries(): Promise<Summary[]> {
  const found: Summary[] = [];
  for (const course of courses)
    for (const rate of rates)
      for (const [rule, make] of Object.entries(rules)) {
        const outcomes: Outcome[] = [];
        for (const inFlight of inFlights)
          for (const latencyMs of latenciesMs)
            outcomes.push(await measure(make, { course, rate, inFlight, latencyMs }));
        found.push(summaryOf(course.name, rate, rule, outcomes));
      }
  return found;
}

const { values } = parseArgs({ options: { json: { type: 'boolean' } } });
const found = await summaries();
const line = (cells: readonly (string | number)[]): string => `| ${cells.join(' | ')} |\n`;
process.stderr.write(
  line(['bucket', 'tokens/s', 'rule', 'time against the bucket (worst)', 'refused (worst)', 'failed rows']),
);
for (const { course, tokensPerSecond, rule, vsBucket, refusedShare, failedRows } of found)
  process.stderr.write(
    line([
      course,
      tokensPerSecond,
      rule,
      `${vsBucket[1].toFixed(3)} (${vsBucket[0].toFixed(3)})`,
      `${refusedShare[1].toFixed(3)} (${refusedShare[0].toFixed(3)})`,
      failedRows,
    ]),
  );
if (values.json === true) process.stdout.write(`${JSON.stringify(found)}\n`);
