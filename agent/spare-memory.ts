// Gives memory back when work is over. What V8 took while a program loads or a large job runs it keeps for as long as little is allocated, which
// is just when nothing happens. So the heap is collected once, a while after the last thing happened and only when no row is under way: some
// 40 ms in which nobody waits. What V8 had compiled for rows goes with it, and a large job after that is slower until it is compiled again.
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
/** So long nothing of that must have happened: since the start, and once there was work, after which more of it is soon to come. */
const quietMs = { start: 2_000, work: 60_000 } as const;

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
  #quietMs: number = quietMs.start;
  #watching = false;

  constructor(next: EventSink) {
    this.#next = next;
  }

  /** Passes every event on. */
  readonly sink: EventSink = (name, fields) => {
    this.#next(name, fields);
    if (!leavesGarbage.has(name)) return;
    if (name !== 'link.welcomed') this.#quietMs = quietMs.work;
    this.#happened();
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
      do await clock.sleep(quietMs.start, signal);
      while (busy() || clock.monotonicMs() - this.#lastMs < this.#quietMs);
      await collect();
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      this.#watching = false;
    }
  }
}
