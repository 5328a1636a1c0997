// Prints a job's results while they come, with progress and a summary, and gives the exit code: 0 only when no row failed
// and every line was understood.
// `run --follow` and `jobs results` are this.
import type { ExitCode } from '../../terminal/exit-codes.ts';
import { type Failure, failure, isFailure, printFailure } from '../../terminal/fail.ts';
import { type Progress, progressReporter } from '../../terminal/progress.ts';
import { summaryLine } from '../../terminal/summary.ts';
import { colourWanted, exitOfStop, type Terminal, writeText } from '../../terminal/terminal.ts';
import { visible } from '../../terminal/visible-text.ts';
import { type EnvelopeFormat, type EnvelopeWriter, envelopeWriter } from '../../terminal/write-envelopes.ts';
import type { ApiClient } from './client.ts';
import { followResults } from './follow-results.ts';
import { allSucceeded, isOver, type JobView, jobViewSchema, resultsLost, waitText } from './job-view.ts';
import { remedyOf } from './remedies.ts';

export interface ShowOptions {
  readonly job: string;
  readonly after: number;
  readonly follow: boolean;
  readonly format: EnvelopeFormat;
  readonly quiet: boolean;
}

/** How often the job itself is looked at, for what its results do not say (rows to come, why it waits). */
const lookMs = 2_000;

export async function showResults(client: ApiClient, terminal: Terminal, options: ShowOptions): Promise<ExitCode> {
  const startedAtMs = performance.now();
  const progress = progressReporter({
    out: terminal.stderr,
    quiet: options.quiet || !options.follow,
    nowMs: () => performance.now(),
  });
  const writer = envelopeWriter({
    format: options.format,
    out: terminal.stdout,
    colour: colourWanted(terminal.stdout, terminal.env),
    beforeWrite: () => progress.hide(),
  });
  const looking = new JobWatch(client, options.job, { progress, writer, active: options.follow });
  const shown = new Shown(terminal, { options, writer, progress, looking });
  try {
    const exit = await shown.run(client);
    progress.hide();
    if (!options.quiet) await writeText(terminal.stderr, summaryLine(writer.tally, performance.now() - startedAtMs));
    return exit;
  } finally {
    looking.stop();
  }
}

interface Parts {
  readonly options: ShowOptions;
  readonly writer: EnvelopeWriter;
  readonly progress: Progress;
  readonly looking: JobWatch;
}

class Shown {
  readonly #terminal: Terminal;
  readonly #parts: Parts;
  #sequence: number;
  #notUnderstood = 0;

  constructor(terminal: Terminal, parts: Parts) {
    this.#terminal = terminal;
    this.#parts = parts;
    this.#sequence = parts.options.after;
  }

  async run(client: ApiClient): Promise<ExitCode> {
    try {
      const ended = await this.#follow(client);
      await this.#finish();
      const verdict = isFailure(ended) ? await printFailure(this.#terminal, ended) : await this.#verdict(ended);
      return this.#notUnderstood === 0 || isFailure(ended) ? verdict : await this.#incomplete();
    } catch (error) {
      if (!this.#terminal.signal.aborted) throw error;
      await this.#finish();
      await this.#note(this.#howToGoOn());
      return exitOfStop(this.#terminal.signal);
    }
  }

  async #follow(client: ApiClient): Promise<JobView | Failure> {
    const { options, writer, looking } = this.#parts;
    const { signal } = this.#terminal;
    for await (const event of followResults(client, options.job, { ...options, random: Math.random, signal })) {
      switch (event.kind) {
        case 'line':
          if (!(await writer.write(event.text))) {
            this.#notUnderstood += 1;
            await this.#note(`line ${event.sequence} is not understood; it is left out`);
          }
          this.#sequence = event.sequence;
          looking.redraw();
          signal.throwIfAborted();
          break;
        case 'broken':
          await this.#note(`connection lost (${event.reason}); trying again in ${(event.waitMs / 1_000).toFixed(1)} s`);
          break;
        case 'resumed':
          await this.#note(`connected again; going on after result ${this.#sequence}`);
          break;
        case 'end':
          return event.view;
        case 'failure':
          return event;
        default:
          event satisfies never;
      }
    }
    throw new Error('the stream of results ended without an end');
  }

  async #finish(): Promise<void> {
    this.#parts.looking.stop();
    for (const remark of await this.#parts.writer.end()) await this.#note(remark);
  }

  async #verdict(view: JobView): Promise<ExitCode> {
    const { tally } = this.#parts.writer;
    if (view.refusal !== null) return printFailure(this.#terminal, refusalOf(view));
    if (resultsLost(view)) await this.#note('some results of this job were lost; its host may still hold them');
    if (isOver(view.status)) {
      if (view.status !== 'completed') await this.#note(`the job is ${view.status}`);
      return allSucceeded(view) && tally.notSucceeded === 0 ? 'ok' : 'row_failed';
    }
    await this.#note(`the job is ${view.status}: ${view.rows.ended} of ${view.rows.total} rows ended`);
    return view.rows.failed === 0 && tally.notSucceeded === 0 ? 'ok' : 'row_failed';
  }

  /** What was printed is not all there is, so neither 0 nor "a row failed" would be true. */
  #incomplete(): Promise<ExitCode> {
    const detail = `${this.#notUnderstood} of the lines up to ${this.#sequence} were not understood and are left out`;
    const help = 'use the version of this command that belongs to the control plane';
    return printFailure(this.#terminal, failure('internal', 'internal', detail, help));
  }

  #howToGoOn(): string {
    const { job } = this.#parts.options;
    return [
      `stopped watching; job ${job} goes on. To see the rest, or to cancel it:`,
      `  iam-control-plane jobs results ${job} --follow --after ${this.#sequence}`,
      `  iam-control-plane jobs cancel ${job}`,
    ].join('\n');
  }

  async #note(text: string): Promise<void> {
    this.#parts.progress.hide();
    await writeText(this.#terminal.stderr, `${text.split('\n').map(visible).join('\n')}\n`);
  }
}

/** A rejected or quarantined job as the reason why a command ends. */
export function refusalOf(view: JobView): Failure {
  const { code, detail } = view.refusal ?? { code: view.status, detail: `the job is ${view.status}` };
  const help = remedyOf(code, view);
  return { kind: 'failure', exit: 'row_failed', code, detail, ...(help === undefined ? {} : { help }) };
}

interface WatchParts {
  readonly progress: Progress;
  readonly writer: EnvelopeWriter;
  readonly active: boolean;
}

/** Looks at the job now and then and keeps the progress fresh. A look that fails is left out: following tells of it. */
class JobWatch {
  readonly #client: ApiClient;
  readonly #path: string;
  readonly #parts: WatchParts;
  readonly #timer: NodeJS.Timeout | undefined;
  #view: JobView | null = null;
  #busy = false;
  #stopped = false;

  constructor(client: ApiClient, job: string, parts: WatchParts) {
    this.#client = client;
    this.#path = `/jobs/${encodeURIComponent(job)}`;
    this.#parts = parts;
    if (!parts.active) return;
    this.#timer = setInterval(() => void this.#look(), lookMs);
    void this.#look();
  }

  stop(): void {
    this.#stopped = true;
    clearInterval(this.#timer);
    this.#parts.progress.hide();
  }

  redraw(): void {
    if (this.#stopped) return;
    const { tally } = this.#parts.writer;
    const rows = this.#view?.rows;
    this.#parts.progress.update({
      total: rows?.total ?? null,
      ended: Math.max(rows?.ended ?? 0, tally.ended),
      failed: Math.max(rows?.failed ?? 0, tally.notSucceeded),
      waitingReason: this.#view === null ? null : waitText(this.#view),
    });
  }

  async #look(): Promise<void> {
    if (this.#busy || this.#stopped) return;
    this.#busy = true;
    try {
      const answer = await this.#client.json(this.#path, jobViewSchema);
      if (!isFailure(answer)) this.#view = answer.value;
      this.redraw();
    } catch {
      // Only the command's own end throws here.
    } finally {
      this.#busy = false;
    }
  }
}
