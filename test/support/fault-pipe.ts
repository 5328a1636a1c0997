// One direction of a connection through the fault proxy: reads messages, and does at the planned bytes what the plan says.
import type { Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import type { Frame, Framer } from './fault-frames.ts';
import type { Effect, Fault, FaultKind } from './fault-plan.ts';

export interface PipeEnds {
  readonly source: Socket;
  readonly sink: Socket;
}

export interface PipeEvents {
  readonly injected: (kind: FaultKind) => void;
  /** Both directions are to end so. */
  readonly cut: (how: 'truncate' | 'reset') => void;
  /** The sink was closed and the source is not to know. */
  readonly halfOpen: () => void;
  readonly message: (name: string, bytes: number) => void;
}

interface Hit {
  readonly fault: Fault;
  /** Within the message. */
  readonly at: number;
}

const slices = 20;

export class Pipe {
  readonly #ends: PipeEnds;
  readonly #framer: Framer;
  readonly #events: PipeEvents;
  readonly #over = new AbortController();
  #faults: Fault[];
  #seen = new Map<string, number>();
  /** Bytes that came out of the source as whole messages. */
  #offset = 0;
  #stalled: AbortController | null = null;
  #gate: Promise<unknown> = Promise.resolve();
  #delayMs = 0;
  #bytesPerSecond = Infinity;

  constructor(ends: PipeEnds, framer: Framer, faults: readonly Fault[], events: PipeEvents) {
    this.#ends = ends;
    this.#framer = framer;
    this.#faults = [...faults];
    this.#events = events;
  }

  /** Resolves when the source has ended: `fin`, or `rst` when it broke. Never rejects. */
  async run(): Promise<'fin' | 'rst'> {
    try {
      for await (const chunk of this.#ends.source.iterator({ destroyOnReturn: false }))
        for (const frame of this.#framer.push(chunk as Buffer)) await this.#pass(frame);
      const bytes = this.#framer.rest();
      if (bytes.length > 0) await this.#pass({ name: 'rest', bytes });
      // A stall holds back the end of the stream too.
      await this.#gate;
      return 'fin';
    } catch {
      await this.#gate;
      return 'rst';
    }
  }

  /** From now on what comes is read and thrown away. */
  swallow(): void {
    this.#over.abort();
    this.resume();
  }

  get swallows(): boolean {
    return this.#over.signal.aborted;
  }

  /** Ends a stall. */
  resume(): void {
    this.#stalled?.abort();
  }

  /** Now, wherever the stream is; what needs a byte takes the next one. */
  strike(effect: Effect, direction: Fault['direction']): void {
    if (effect.kind === 'flip' || effect.kind === 'drop' || effect.kind === 'duplicate')
      this.#faults.push({ ...effect, direction, byte: this.#offset });
    else this.#take(effect);
  }

  /** Plans a fault whose place is counted from now on. */
  arm(fault: Fault): void {
    const { frame, nth = 1, byte } = fault;
    if (frame === undefined) this.#faults.push({ ...fault, byte: byte + this.#offset });
    else this.#faults.push({ ...fault, nth: nth + (this.#seen.get(frame) ?? 0) });
  }

  async #pass(frame: Frame): Promise<void> {
    const hits = this.#hitsIn(frame);
    this.#offset += frame.bytes.length;
    let at = 0;
    for (const { fault, at: place } of hits) {
      if (this.swallows) return;
      if (place > at) await this.#send(frame.bytes.subarray(at, place));
      at = Math.max(at, place);
      if (fault.kind === 'flip') frame.bytes.writeUInt8(frame.bytes.readUInt8(place) ^ fault.mask, place);
      if (fault.kind === 'duplicate') await this.#send(frame.bytes.subarray(at, at + fault.bytes));
      if (fault.kind === 'drop') at = Math.min(at + fault.bytes, frame.bytes.length);
      this.#take(fault);
    }
    if (at < frame.bytes.length) await this.#send(frame.bytes.subarray(at));
  }

  /** What falls into this message, in order; it is not planned any more. */
  #hitsIn(frame: Frame): readonly Hit[] {
    this.#events.message(frame.name, frame.bytes.length);
    const nth = (this.#seen.get(frame.name) ?? 0) + 1;
    this.#seen.set(frame.name, nth);
    const hits: Hit[] = [];
    this.#faults = this.#faults.filter((fault) => {
      const { holding } = fault;
      const chosen = holding === undefined ? (fault.nth ?? 1) === nth : holding.test(frame.bytes.toString('latin1'));
      const here = fault.frame === undefined || (fault.frame === frame.name && chosen);
      const at = fault.frame === undefined ? fault.byte - this.#offset : fault.byte;
      const needsByte = fault.kind === 'flip' || fault.kind === 'drop' || fault.kind === 'duplicate';
      if (!here || at < 0 || at > frame.bytes.length - (needsByte ? 1 : 0)) return true;
      hits.push({ fault, at });
      return false;
    });
    return hits.toSorted((one, other) => one.at - other.at);
  }

  #take(effect: Effect): void {
    if (this.swallows) return;
    this.#events.injected(effect.kind);
    if (effect.kind === 'truncate' || effect.kind === 'reset') this.#events.cut(effect.kind);
    if (effect.kind === 'half_open') this.#events.halfOpen();
    if (effect.kind === 'stall') this.#stall(effect.forMs);
    if (effect.kind === 'delay') this.#delayMs = effect.ms;
    if (effect.kind === 'slow') this.#bytesPerSecond = effect.bytesPerSecond;
  }

  #stall(forMs: number | null): void {
    const stalled = new AbortController();
    this.#stalled = stalled;
    const ended = new Promise<void>((resolve) => {
      stalled.signal.addEventListener('abort', () => resolve(), { once: true });
    });
    const slept = forMs === null ? ended : pause(forMs, stalled.signal);
    this.#gate = Promise.all([this.#gate, slept]);
  }

  async #send(bytes: Buffer): Promise<void> {
    await this.#gate;
    if (this.#delayMs > 0) await pause(this.#delayMs, this.#over.signal);
    if (this.#bytesPerSecond === Infinity) return this.#write(bytes);
    const size = Math.max(1, Math.floor(this.#bytesPerSecond / slices));
    for (let at = 0; at < bytes.length && !this.swallows; at += size) {
      await this.#write(bytes.subarray(at, at + size));
      await pause((1_000 * Math.min(size, bytes.length - at)) / this.#bytesPerSecond, this.#over.signal);
    }
  }

  /** Resolves when the kernel has the bytes, or nobody wants them. */
  async #write(bytes: Buffer): Promise<void> {
    await this.#gate;
    const { sink } = this.#ends;
    if (this.swallows || !sink.writable) return;
    await new Promise<void>((resolve) => {
      const done = (): void => {
        sink.off('close', done);
        resolve();
      };
      sink.once('close', done);
      sink.write(bytes, done);
    });
  }
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await delay(ms, undefined, { signal }).catch(() => undefined);
}
