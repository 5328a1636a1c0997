// How far a job is, on stderr: a bar that is redrawn on a terminal, a plain line now and then elsewhere, nothing when quiet. It never writes to
// stdout; `hide` takes the bar away before something else is printed on the same terminal.
import { type Output, widthOf } from './terminal.ts';
import { duration } from './summary.ts';
import { cut, displayWidth, visible } from './visible-text.ts';

interface ProgressState {
  /** Rows; null while the number is not known. */
  readonly total: number | null;
  readonly ended: number;
  readonly failed: number;
  readonly waitingReason: string | null;
}

export interface ProgressOptions {
  readonly out: Output;
  readonly quiet?: boolean;
  /** Milliseconds that never go back. */
  readonly nowMs: () => number;
}

export interface Progress {
  update(state: ProgressState): void;
  hide(): void;
}

const redrawMs = 100;
const plainMs = 10_000;
const rateWindowMs = 15_000;

export function progressReporter({ out, quiet, nowMs }: ProgressOptions): Progress {
  if (quiet === true) return { update: () => undefined, hide: () => undefined };
  return out.isTTY === true ? new ProgressBar(out, nowMs) : new PlainProgress(out, nowMs);
}

/** Rows a second over the last moments. */
class Rate {
  readonly #points: { readonly atMs: number; readonly ended: number }[] = [];

  add(atMs: number, ended: number): void {
    const last = this.#points.at(-1);
    if (last === undefined || atMs - last.atMs >= 250) this.#points.push({ atMs, ended });
    while (this.#points.length > 2 && atMs - (this.#points[0]?.atMs ?? atMs) > rateWindowMs) this.#points.shift();
  }

  perSecond(atMs: number, ended: number): number | null {
    const first = this.#points[0];
    if (first === undefined || atMs - first.atMs < 500) return null;
    return ((ended - first.ended) * 1_000) / (atMs - first.atMs);
  }
}

/** For example `1,200/5,000 rows, 3 failed, 40.0/s, 1 min 35 s left, waiting: offline`. */
function progressText(state: ProgressState, perSecond: number | null): string {
  const { total, ended, failed, waitingReason } = state;
  const parts = [total === null ? `${ended} rows` : `${ended}/${total} rows`];
  if (failed > 0) parts.push(`${failed} failed`);
  if (perSecond !== null && perSecond > 0) {
    parts.push(`${perSecond.toFixed(1)}/s`);
    if (total !== null && total > ended) parts.push(`${duration(((total - ended) * 1_000) / perSecond)} left`);
  }
  if (waitingReason !== null) parts.push(`waiting: ${visible(waitingReason)}`);
  return parts.join(', ');
}

class ProgressBar implements Progress {
  readonly #out: Output;
  readonly #nowMs: () => number;
  readonly #rate = new Rate();
  #drawnAtMs: number | null = null;
  #visible = false;

  constructor(out: Output, nowMs: () => number) {
    this.#out = out;
    this.#nowMs = nowMs;
  }

  update(state: ProgressState): void {
    const now = this.#nowMs();
    this.#rate.add(now, state.ended);
    if (this.#drawnAtMs !== null && now - this.#drawnAtMs < redrawMs) return;
    this.#drawnAtMs = now;
    // One cell stays free: writing into the last one would wrap on some terminals.
    const room = widthOf(this.#out) - 1;
    const text = progressText(state, this.#rate.perSecond(now, state.ended));
    const bar = barOf(state, Math.min(30, room - displayWidth(text) - 3));
    this.#out.write(`\r\u001B[2K${cut(bar === '' ? text : `${bar} ${text}`, room)}`);
    this.#visible = true;
  }

  hide(): void {
    if (this.#visible) this.#out.write('\r\u001B[2K');
    this.#visible = false;
  }
}

function barOf({ total, ended }: ProgressState, width: number): string {
  if (total === null || total === 0 || width < 5) return '';
  const full = Math.min(width, Math.floor((ended / total) * width));
  return `[${'#'.repeat(full)}${'.'.repeat(width - full)}]`;
}

class PlainProgress implements Progress {
  readonly #out: Output;
  readonly #nowMs: () => number;
  readonly #rate = new Rate();
  #printedAtMs: number;
  #printed = '';

  constructor(out: Output, nowMs: () => number) {
    this.#out = out;
    this.#nowMs = nowMs;
    this.#printedAtMs = nowMs();
  }

  update(state: ProgressState): void {
    const now = this.#nowMs();
    this.#rate.add(now, state.ended);
    if (now - this.#printedAtMs < plainMs) return;
    const text = progressText(state, this.#rate.perSecond(now, state.ended));
    this.#printedAtMs = now;
    if (text === this.#printed) return;
    this.#printed = text;
    this.#out.write(`progress: ${text}\n`);
  }

  hide(): void {
    // Lines stay.
  }
}
