// Runs worlds side by side until so many crashes and link faults have happened: first every step of every kind of job, then faults drawn at random.
// Evidence of a run in which something was found stays.
import { mkdir, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Violation } from './checker/evidence.ts';
import { Counts } from './counts.ts';
import { allSeries, enumerate, type Series } from './enumerate.ts';
import type { FaultGroup } from './faults.ts';
import { forget, runWorld, warmUp } from './run-world.ts';

export interface CampaignOptions {
  readonly folder: string;
  readonly seed: string;
  readonly crashes: number;
  readonly links: number;
  /** Part of the crashes that the enumeration of steps may make. */
  readonly stepShare: number;
  /** Only faults whose name holds this. */
  readonly only: string | null;
  readonly worlds: number;
  /** Faults of one run. */
  readonly faultsOfRun: number;
  readonly say: (text: string) => void;
  /** Aborted to end early: runs under way are finished and judged. */
  readonly signal?: AbortSignal;
}

interface Found {
  readonly folder: string;
  readonly seed: string;
  readonly violations: readonly Violation[];
}

export interface CampaignResult {
  readonly counts: Counts;
  readonly found: readonly Found[];
}

export async function runCampaign(options: CampaignOptions): Promise<CampaignResult> {
  const { folder, worlds } = options;
  await mkdir(folder, { recursive: true });
  const cache = join(folder, 'compiled');
  process.env['NODE_COMPILE_CACHE'] = cache;
  await warmUp(join(folder, 'warm'));
  const campaign = new Campaign(options);
  await Promise.all(Array.from({ length: worlds }, () => campaign.work()));
  await forget(cache);
  if (campaign.found.length === 0) await rmdir(folder);
  return { counts: campaign.counts, found: campaign.found };
}

class Campaign {
  readonly counts = new Counts();
  readonly found: Found[] = [];
  readonly #options: CampaignOptions;
  readonly #startedMs = Date.now();
  #series: Series[];
  #number = 0;

  constructor(options: CampaignOptions) {
    this.#options = options;
    this.#series = options.only === null || 'step'.includes(options.only) ? [...allSeries] : [];
  }

  /** One of the workers: takes what is next until nothing is wanted. */
  async work(): Promise<void> {
    for (;;) {
      const series = this.#stepsWanted() ? this.#series.splice(0, 3) : [];
      if (series.length === 0 && this.#groups().length === 0) return;
      this.#number += 1;
      const seed = `${this.#options.seed}/${this.#number}`;
      const folder = join(this.#options.folder, `run-${this.#number}`);
      const violations = series.length > 0 ? await this.#steps(series, seed, folder) : await this.#random(seed, folder);
      await this.#done({ folder, seed, violations });
    }
  }

  async #steps(series: readonly Series[], seed: string, folder: string): Promise<readonly Violation[]> {
    const { counts } = this;
    const { findings } = await enumerate({ folder, seed, counts, series, wanted: () => this.#stepsWanted() });
    return findings.violations;
  }

  async #random(seed: string, folder: string): Promise<readonly Violation[]> {
    const { counts } = this;
    const { faultsOfRun: faults, only } = this.#options;
    const { findings } = await runWorld({ folder, seed, counts, faults, only, groups: () => this.#groups() });
    return findings.violations;
  }

  async #done(found: Found): Promise<void> {
    const { say, crashes, links } = this.#options;
    if (found.violations.length === 0) await forget(found.folder);
    else {
      this.found.push(found);
      await writeFile(join(found.folder, 'violations.json'), JSON.stringify(found, null, 2));
      say(`VIOLATIONS ${found.violations.length} in ${found.folder} (seed ${found.seed})`);
      for (const { rule, job, row, detail } of found.violations.slice(0, 10))
        say(`  ${rule}: job ${job} row ${row}: ${detail}`);
    }
    const { runs, rows, violations, crashTotal, linkTotal } = this.counts;
    const seconds = Math.round((Date.now() - this.#startedMs) / 1_000);
    say(
      `${seconds} s: ${runs} runs, ${crashTotal} of ${crashes} crashes, ${linkTotal} of ${links} link faults, ${rows} rows, ${violations} violations`,
    );
  }

  #stepsWanted(): boolean {
    const { crashes, stepShare } = this.#options;
    if (this.#options.signal?.aborted === true) return false;
    return this.#series.length > 0 && this.counts.crashTotal < crashes * stepShare;
  }

  #groups(): readonly FaultGroup[] {
    const { crashes, links } = this.#options;
    const groups: FaultGroup[] = [];
    if (this.#options.signal?.aborted === true) return groups;
    if (this.counts.crashTotal < crashes) groups.push('crashes');
    if (this.counts.linkTotal < links) groups.push('links');
    return groups;
  }
}
