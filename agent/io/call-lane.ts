// The calls of one principal through one connection. One at a time takes a token of the principal's bucket, then one of the connection's
// places: so a call that waits for its rate holds no place that another principal's could have, and who is next is decided when a token is there.
import type PQueue from 'p-queue';
import type { Connection } from '../connection.ts';
import { FairLine, type WaitingFor } from '../iam/fair-line.ts';
import type { Permit, TokenBucket } from '../iam/limiter.ts';
import { offAbort, onAbort } from './abort-watch.ts';

/** Whoever AWS counts the calls of, with the bucket that all connections share which name it. */
export interface Principal {
  readonly bucket: TokenBucket;
  /** As AWS knows it; null until its first answer. */
  name: string | null;
}

interface Passenger extends WaitingFor {
  readonly go: (permit: Permit) => Promise<void>;
}

export class CallLane {
  readonly connection: Connection;
  readonly roleArn: string | null;
  readonly service: 'iam' | 'sts';
  principal: Principal;
  readonly #line = new FairLine<Passenger>();
  readonly #places: PQueue;
  /** Ends the wait for a token when nobody wants it any more. */
  #noneLeft = new AbortController();
  #serving = false;
  #waitsFor: 'rate_limit' | 'queue' = 'rate_limit';

  constructor(of: Pick<CallLane, 'connection' | 'roleArn' | 'service' | 'principal'>, places: PQueue) {
    this.connection = of.connection;
    this.roleArn = of.roleArn;
    this.service = of.service;
    this.principal = of.principal;
    this.#places = places;
  }

  /** What its calls wait for: a token for the next of them, or a place for it. */
  get waitsFor(): 'rate_limit' | 'queue' {
    return this.#waitsFor;
  }

  get waiting(): number {
    return this.#line.size;
  }

  /** Runs `work` when it has a token and a place; the place is free again when it ends. Null: the signal came before. */
  pass<T>(who: WaitingFor, signal: AbortSignal, work: (permit: Permit) => Promise<T>): Promise<T | null> {
    if (signal.aborted) return Promise.resolve(null);
    const { promise, resolve, reject } = Promise.withResolvers<T | null>();
    const go = (permit: Permit): Promise<void> => {
      offAbort(signal, giveUp);
      return work(permit).then(resolve, reject);
    };
    const passenger: Passenger = { job: who.job, interactive: who.interactive, again: who.again, go };
    const giveUp = (): void => {
      this.#line.remove(passenger);
      if (this.#line.size === 0) this.#noneLeft.abort(new Error('no call waits'));
      resolve(null);
    };
    onAbort(signal, giveUp);
    this.#line.add(passenger);
    if (!this.#serving) this.#serve().catch(reject);
    return promise;
  }

  async #serve(): Promise<void> {
    this.#serving = true;
    try {
      while (this.#line.size > 0) {
        this.#waitsFor = 'rate_limit';
        const permit = this.principal.bucket.takeNow() ?? (await this.#token());
        this.#waitsFor = 'queue';
        if (permit !== null) await this.#placed(permit);
      }
    } finally {
      this.#serving = false;
    }
  }

  async #token(): Promise<Permit | null> {
    if (this.#noneLeft.signal.aborted) this.#noneLeft = new AbortController();
    const { signal } = this.#noneLeft;
    try {
      return await this.principal.bucket.take(signal);
    } catch (error) {
      if (signal.aborted) return null;
      throw error;
    }
  }

  /** Resolves when the place is there; only then it is decided who has it. Lanes take turns: each waits for one place at most. */
  #placed(permit: Permit): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const task = (): Promise<void> => {
      const next = this.#line.next();
      resolve();
      return next?.go(permit) ?? Promise.resolve();
    };
    void this.#places.add(task);
    return promise;
  }
}
