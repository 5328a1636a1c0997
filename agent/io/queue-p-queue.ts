// Bounds the calls in flight of each connection (p-queue), paces every attempt through the account's bucket, and repeats what may be
// repeated. Each attempt counts against the rate; a call that waits between attempts keeps its place.
import { CallSignals } from './call-signals.ts';
import PQueue from 'p-queue';
import type { CallAnswer, CallRequest, IamCaller } from '../iam/iam-caller.ts';
import { createTokenBucket, type TokenBucket } from '../iam/limiter.ts';
import type { LimiterSnapshot } from '../iam/limiter-snapshot.ts';
import { decideRetry, judge, retryLimits } from '../iam/retry.ts';
import type { Clock } from '../job/clock.ts';

export interface LimitedCallerOptions {
  readonly clock: Clock;
  /** A call took this long to start. */
  readonly onWait?: (connection: string, waitedMs: number) => void;
  /** An attempt is made again. */
  readonly onRetry?: (connection: string, operation: string, attempts: number) => void;
}

/** Whoever AWS counts the calls of: IAM and STS count apart, and each role and each set of keys is a principal. */
function principalKey({ connection, roleArn, service }: CallRequest): string {
  const principal = roleArn ?? connection.roleArn ?? connection.credentials;
  return JSON.stringify([service, connection.endpoints[service] ?? connection.region, principal]);
}

const maxBuckets = 10_000;

/** A principal's bucket, and who uses it. */
interface Principal {
  readonly bucket: TokenBucket;
  readonly service: CallRequest['service'];
  readonly roleArn: string | null;
  readonly connections: Set<string>;
}

class LimitedCaller implements LimitedIamCaller {
  readonly #inner: IamCaller;
  readonly #options: LimitedCallerOptions;
  readonly #queues = new Map<string, PQueue>();
  readonly #principals = new Map<string, Principal>();
  readonly #signals = new CallSignals();

  constructor(inner: IamCaller, options: LimitedCallerOptions) {
    this.#inner = inner;
    this.#options = options;
  }

  call(request: CallRequest): Promise<CallAnswer> {
    return this.#signals.run(request.signal, (signal) => this.#queued(request, signal));
  }

  async #queued(request: CallRequest, signal: AbortSignal): Promise<CallAnswer> {
    if (signal.aborted) return { kind: 'aborted' };
    const { clock, onWait } = this.#options;
    const { label } = request.connection;
    const askedAtMs = clock.monotonicMs();
    const work: { running: Promise<CallAnswer> | null } = { running: null };
    const task = async (): Promise<void> => {
      onWait?.(label, clock.monotonicMs() - askedAtMs);
      work.running = this.#attempts({ ...request, signal });
      await work.running;
    };
    try {
      await this.#queueFor(request).add(task, { priority: request.interactive === true ? 1 : 0, signal });
    } catch (error) {
      // An abort ends the wait at once; a call under way says itself how far it came.
      if (work.running === null && !signal.aborted) throw error;
    }
    return work.running === null ? { kind: 'aborted' } : await work.running;
  }

  close(): void {
    this.#signals.close(new Error('the agent is stopping'));
    for (const queue of this.#queues.values()) queue.clear();
  }

  snapshot(): LimiterSnapshot {
    const buckets = [...this.#principals.values()].map(({ bucket, service, roleArn, connections }) => ({
      service,
      connections: [...connections],
      roleArn,
      callsPerSecond: bucket.rate,
      tokens: bucket.tokens,
      throttles: bucket.throttles,
      waiting: bucket.waiting,
    }));
    const queues = [...this.#queues].map(([connection, { pending, size, concurrency }]) => ({
      connection,
      underWay: pending,
      inFlight: concurrency,
      waiting: size,
    }));
    return { buckets, queues };
  }

  #queueFor({ connection }: CallRequest): PQueue {
    let queue = this.#queues.get(connection.label);
    if (queue === undefined) {
      queue = new PQueue({ concurrency: Math.max(1, connection.limits.inFlight) });
      this.#queues.set(connection.label, queue);
    }
    return queue;
  }

  #bucketFor(request: CallRequest): TokenBucket {
    const { service, connection } = request;
    const key = principalKey(request);
    let principal = this.#principals.get(key);
    if (principal === undefined) {
      // Rows name roles, so their number is not ours to know: the oldest is forgotten, and learned again when needed.
      const oldest = this.#principals.size >= maxBuckets ? this.#principals.keys().next().value : undefined;
      if (oldest !== undefined) this.#principals.delete(oldest);
      const bucket = createTokenBucket(connection.limits, this.#options.clock);
      const roleArn = request.roleArn ?? connection.roleArn ?? null;
      principal = { bucket, service, roleArn, connections: new Set() };
      this.#principals.set(key, principal);
    }
    principal.connections.add(connection.label);
    return principal.bucket;
  }

  async #attempts(request: CallRequest): Promise<CallAnswer> {
    const { clock, onRetry } = this.#options;
    const { signal, repeat } = request;
    const bucket = this.#bucketFor(request);
    const startedAtMs = clock.monotonicMs();
    const budgetMs = request.retryForMs ?? retryLimits.budgetMs;
    for (let attempts = 1; ; attempts += 1) {
      let permit;
      try {
        permit = await bucket.take(signal);
      } catch (error) {
        if (signal.aborted) return { kind: 'aborted' };
        throw error;
      }
      if (request.mayCall?.() === false) return { kind: 'aborted' };
      const answer = await this.#inner.call(request);
      if (answer.kind === 'aborted') return answer;
      const verdict = judge(request, answer);
      if (verdict === 'throttled') bucket.throttled(permit);
      else if (answer.kind === 'answer') bucket.accepted(permit);
      const tries = { attempts, elapsedMs: clock.monotonicMs() - startedAtMs, budgetMs, random: clock.random() };
      const decision = decideRetry(verdict, repeat, tries);
      if (decision.kind === 'stop') return { ...answer, attempts, ...(decision.exhausted ? { exhausted: true } : {}) };
      onRetry?.(request.connection.label, request.operation, attempts);
      try {
        await clock.sleep(decision.afterMs, signal);
      } catch (error) {
        // Every attempt so far is known not to have been carried out, or may be repeated.
        if (signal.aborted) return { kind: 'aborted' };
        throw error;
      }
    }
  }
}

/** Paces, bounds and repeats the calls of `inner`. */
export interface LimitedIamCaller extends IamCaller {
  /** What it is doing at this moment. */
  snapshot(): LimiterSnapshot;
  close(): void;
}

export function limitedCaller(inner: IamCaller, options: LimitedCallerOptions): LimitedIamCaller {
  return new LimitedCaller(inner, options);
}
