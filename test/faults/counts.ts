// What a campaign did, counted where it happened.
import type { Findings } from './checker/evidence.ts';

export class Counts {
  readonly crashes = new Map<string, number>();
  readonly links = new Map<string, number>();
  readonly outcomes = new Map<string, number>();
  runs = 0;
  jobs = 0;
  rows = 0;
  entries = 0;
  effects = 0;
  cut = 0;
  violations = 0;

  crash(point: string): void {
    add(this.crashes, point, 1);
  }

  link(kind: string, count = 1): void {
    add(this.links, kind, count);
  }

  run({ jobs, rows, entries, effects, cut, outcomes, violations }: Findings): void {
    this.runs += 1;
    this.jobs += jobs;
    this.rows += rows;
    this.entries += entries;
    this.effects += effects;
    this.cut += cut;
    this.violations += violations.length;
    for (const [outcome, count] of Object.entries(outcomes)) add(this.outcomes, outcome, count);
  }

  get crashTotal(): number {
    return sum(this.crashes);
  }

  get linkTotal(): number {
    return sum(this.links);
  }

  text(): string {
    const { runs, jobs, rows, entries, effects, cut, violations, crashTotal, linkTotal } = this;
    return [
      `runs ${runs}, jobs ${jobs}, rows ${rows}, entries ${entries}, effects ${effects} (the answers of ${cut} were cut)`,
      `crashes ${crashTotal}`,
      ...table(this.crashes),
      `link faults ${linkTotal}`,
      ...table(this.links),
      'rows by outcome',
      ...table(this.outcomes),
      `violations ${violations}`,
    ].join('\n');
  }
}

function add(counts: Map<string, number>, name: string, count: number): void {
  if (count > 0) counts.set(name, (counts.get(name) ?? 0) + count);
}

function sum(counts: ReadonlyMap<string, number>): number {
  return [...counts.values()].reduce((total, count) => total + count, 0);
}

function table(counts: ReadonlyMap<string, number>): string[] {
  const rows = [...counts].toSorted(([left], [right]) => (left < right ? -1 : 1));
  return rows.map(([name, count]) => `  ${String(count).padStart(6)}  ${name}`);
}
