// Gives memory back when work is over. What V8 took while a program loads or a large job runs it keeps for as long as little is allocated, which
// is just when nothing happens. So the heap is collected once, a moment after the last thing happened and only when no row is under way: some
// 40 ms in which nobody waits.
import type { EventName, EventSink } from './events.ts';
import type { Clock } from './job/clock.ts';

/** After each of these there is something to give back. */
const leavesGarbage: ReadonlySet<EventName> = new Set([
  'link.welcomed',
  'job.finished',
  'job.closed',
  'run.ended',
  'run.read_back',
  'housekeeping.ran',
]);
/** So long nothing of that must have happened. */
const quietMs = 2_000;

export interface SpareMemoryPorts {
  readonly clock: Clock;
  /** Collects what is not used and gives it back to the system. */
  readonly collect: () => Promise<void>;
  /** A row is under way, or may begin at any moment. */
  readonly busy: () => boolean;
  readonly signal: AbortSignal;
}

export class SpareMemory {
  readonly #next: EventSink;
  #ports: SpareMemoryPorts | null = null;
  #lastMs = 0;
  #watching = false;

  constructor(next: EventSink) {
    this.#next = next;
  }

  /** Passes every event on. */
  readonly sink: EventSink = (name, fields) => {
    this.#next(name, fields);
    if (leavesGarbage.has(name)) this.#happened();
  };

  /** From now on; what happened before counts as happening now. */
  start(ports: SpareMemoryPorts): void {
    this.#ports = ports;
    this.#happened();
  }

  #happened(): void {
    if (this.#ports === null || this.#ports.signal.aborted) return;
    this.#lastMs = this.#ports.clock.monotonicMs();
    if (this.#watching) return;
    this.#watching = true;
    void this.#collectWhenQuiet(this.#ports);
  }

  async #collectWhenQuiet({ clock, collect, busy, signal }: SpareMemoryPorts): Promise<void> {
    try {
      do await clock.sleep(quietMs, signal);
      while (busy() || clock.monotonicMs() - this.#lastMs < quietMs);
      await collect();
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      this.#watching = false;
    }
  }
}
