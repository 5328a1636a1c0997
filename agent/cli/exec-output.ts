// What `exec` reads and prints, wherever the rows run: rows in at the pace they are asked for, results and their summary out.
import { envelopeWriter, type EnvelopeFormat, type EnvelopeWriter } from '../../terminal/write-envelopes.ts';
import { type Failure, isFailure } from '../../terminal/fail.ts';
import { OrderedEntries } from '../../terminal/ordered-entries.ts';
import { type Progress, progressReporter } from '../../terminal/progress.ts';
import { readRows } from '../../terminal/read-rows.ts';
import { summaryLine } from '../../terminal/summary.ts';
import { colourWanted, type Terminal } from '../../terminal/terminal.ts';
import type { RunId } from '../local/run-log.ts';

export interface ExecShow {
  readonly rows?: string;
  readonly format: EnvelopeFormat;
  readonly ordered?: boolean;
}

export class ExecOutput {
  run: RunId | null = null;
  readonly #terminal: Terminal;
  readonly #show: ExecShow;
  readonly #writer: EnvelopeWriter;
  readonly #progress: Progress;
  readonly #ordered: OrderedEntries | null;
  /** Lets go of the source of rows: nobody asks for more. */
  readonly #over = new AbortController();
  #startedMs = performance.now();
  #bad: Failure | null = null;
  #fault: { readonly error: unknown } | null = null;

  constructor(terminal: Terminal, show: ExecShow) {
    this.#terminal = terminal;
    this.#show = show;
    this.#writer = envelopeWriter({
      format: show.format,
      out: terminal.stdout,
      colour: colourWanted(terminal.stdout, terminal.env),
    });
    this.#progress = progressReporter({ out: terminal.stderr, nowMs: () => performance.now() });
    this.#ordered = show.ordered === true ? new OrderedEntries((line) => this.#print(line)) : null;
  }

  readonly started = (run: RunId): void => {
    this.run = run;
    this.#startedMs = performance.now();
  };

  readonly deliver = (line: string): Promise<void> => this.#ordered?.add(line) ?? this.#print(line);

  get hasStarted(): boolean {
    return this.run !== null;
  }

  get ended(): number {
    return this.#writer.tally.ended;
  }

  get notSucceeded(): number {
    return this.#writer.tally.notSucceeded;
  }

  /** Ends at the first bad row; `end` says what was wrong with it. */
  async *rows(): AsyncGenerator<string> {
    let row = 0;
    try {
      for await (const line of this.#source()) {
        if (isFailure(line)) {
          this.#bad = line;
          return;
        }
        await this.#ordered?.room(row);
        row += 1;
        yield line;
      }
    } catch (error) {
      if (!this.#over.signal.aborted) this.#fault = { error };
    }
  }

  /** Prints what is left and the summary. Returns what was wrong with the rows. @throws what went wrong inside while they were read. */
  async end(): Promise<Failure | null> {
    await this.#ordered?.end();
    for (const remark of await this.#writer.end()) this.#terminal.stderr.write(`${remark}\n`);
    this.#progress.hide();
    this.#terminal.stderr.write(summaryLine(this.#writer.tally, performance.now() - this.#startedMs));
    if (this.#fault !== null) throw this.#fault.error;
    return this.#bad;
  }

  close(): void {
    this.#over.abort();
  }

  #source(): AsyncGenerator<string | Failure> {
    const { rows } = this.#show;
    return rows === undefined
      ? oneEmptyRow()
      : readRows(rows, { stdin: this.#terminal.stdin, signal: this.#over.signal });
  }

  async #print(line: string): Promise<void> {
    const before = this.ended;
    await this.#writer.write(line);
    const { ended, notSucceeded } = this.#writer.tally;
    if (ended > before) this.#progress.update({ total: null, ended, failed: notSucceeded, waitingReason: null });
  }
}

async function* oneEmptyRow(): AsyncGenerator<string> {
  yield '{}';
}
