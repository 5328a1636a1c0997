// Loads the way to AWS with the first call. The SDK is two thirds of what the daemon would hold before its first job, and of its start.
import type { CallAnswer, CallRequest } from '../iam/iam-caller.ts';
import type { CallWaits, LimiterSnapshot } from '../iam/limiter-snapshot.ts';
import type { LimitedIamCaller } from './queue-p-queue.ts';

class LazyCaller implements LimitedIamCaller {
  readonly #load: () => Promise<LimitedIamCaller>;
  #loading: Promise<LimitedIamCaller> | null = null;
  #loaded: LimitedIamCaller | null = null;
  #closed = false;

  constructor(load: () => Promise<LimitedIamCaller>) {
    this.#load = load;
  }

  /** The same answers as the caller that it loads; a call that waits for the loading ends as `aborted` when the agent stops. */
  call(request: CallRequest): Promise<CallAnswer> {
    return this.#loaded === null || this.#closed ? this.#callLater(request) : this.#loaded.call(request);
  }

  async #callLater(request: CallRequest): Promise<CallAnswer> {
    if (this.#closed) return { kind: 'aborted' };
    this.#loaded ??= await (this.#loading ??= this.#load());
    // Closed meanwhile: it was not there to be closed with the rest.
    if (this.#closed) this.#loaded.close();
    return this.#loaded.call(request);
  }

  snapshot(): LimiterSnapshot {
    return this.#loaded?.snapshot() ?? { buckets: [], queues: [] };
  }

  waits(): ReadonlyMap<string, CallWaits> {
    return this.#loaded?.waits() ?? new Map<string, CallWaits>();
  }

  close(): void {
    this.#closed = true;
    this.#loaded?.close();
  }
}

export function lazyCaller(load: () => Promise<LimitedIamCaller>): LimitedIamCaller {
  return new LazyCaller(load);
}
