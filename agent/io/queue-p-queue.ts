// Bounds the calls under way of each connection (p-queue), paces every attempt through its principal's bucket, and repeats what may be
// repeated. Each attempt counts against the rate; a call that waits between attempts holds no place.
import { CallSignals } from './call-signals.ts';
import { CallLane, type Principal } from './call-lane.ts';
import PQueue from 'p-queue';
import type { CallAnswer, CallRequest, IamCaller } from '../iam/iam-caller.ts';
import { createTokenBucket, type Permit } from '../iam/limiter.ts';
import type { CallWaits, LimiterSnapshot } from '../iam/limiter-snapshot.ts';
import { decideRetry, judge, retryAfterMs, retryLimits, type Verdict } from '../iam/retry.ts';
import type { Clock } from '../job/clock.ts';

export interface LimitedCallerOptions {
  readonly clock: Clock;
  /** An attempt is made again. */
  readonly onRetry?: (connection: string, operation: string, attempts: number) => void;
}

/** Paces, bounds and repeats the calls of `inner`. */
export interface LimitedIamCaller extends IamCaller {
  /** What it is doing at this moment. */
  snapshot(): LimiterSnapshot;
  /** What the calls of each job wait for at this moment. */
  waits(): ReadonlyMap<string, CallWaits>;
  close(): void;
}

/** Rows name roles, so their number is not ours to know: the oldest are forgotten, and learned again when needed. */
const maxPrincipals = 10_000;

/** A call from its first wait to its answer. */
interface OpenCall {
  readonly job: string;
  readonly lane: CallLane;
  at: 'line' | 'calling' | 'retry';
}

interface Attempt {
  readonly answer: CallAnswer;
  readonly verdict: Verdict;
}

class LimitedCaller implements LimitedIamCaller {
  readonly #inner: IamCaller;
  readonly #options: LimitedCallerOptions;
  readonly #places = new Map<string, PQueue>();
  readonly #lanes = new Map<string, CallLane>();
  readonly #principals = new Map<string, Principal>();
  readonly #calls = new Set<OpenCall>();
  readonly #signals = new CallSignals();

  constructor(inner: IamCaller, options: LimitedCallerOptions) {
    this.#inner = inner;
    this.#options = options;
  }

  call(request: CallRequest): Promise<CallAnswer> {
    return this.#signals.run(request.signal, (signal) => {
      const { waits } = request;
      const own = { ...request, signal };
      return waits === undefined
        ? this.#attempts(own, signal)
        : this.#signals.run(waits, (ownWaits) => this.#attempts(own, ownWaits));
    });
  }

  close(): void {
    this.#signals.close(new Error('the agent is stopping'));
    for (const places of this.#places.values()) places.clear();
  }

  async #attempts(request: CallRequest, waits: AbortSignal): Promise<CallAnswer> {
    const call: OpenCall = { job: request.job ?? '', lane: this.#laneFor(request), at: 'line' };
    this.#calls.add(call);
    try {
      return await this.#untilFinal(request, waits, call);
    } finally {
      this.#calls.delete(call);
    }
  }

  async #untilFinal(request: CallRequest, waits: AbortSignal, call: OpenCall): Promise<CallAnswer> {
    const { clock, onRetry } = this.#options;
    const { repeat, connection, operation } = request;
    const budgetMs = request.retryForMs ?? retryLimits.budgetMs;
    let firstAtMs: number | null = null;
    for (let attempts = 1; ; attempts += 1) {
      call.at = 'line';
      const who = { job: request.job ?? null, interactive: request.interactive === true, again: attempts > 1 };
      const attempt = await call.lane.pass(who, waits, (permit) => this.#attempt(request, call, permit));
      // Every attempt before this one is known not to have been carried out, or may be repeated.
      if (attempt === null) return { kind: 'aborted' };
      const { answer, verdict } = attempt;
      if (answer.kind === 'aborted') return answer;
      if (verdict === 'final') return { ...answer, attempts };
      const now = clock.monotonicMs();
      firstAtMs ??= now;
      const tries = { attempts, elapsedMs: now - firstAtMs, budgetMs, random: clock.random() };
      const decision = decideRetry(verdict, repeat, { ...tries, askedMs: retryAfterMs(answer) });
      if (decision.kind === 'stop') return { ...answer, attempts, ...(decision.exhausted ? { exhausted: true } : {}) };
      onRetry?.(connection.label, operation, attempts);
      call.at = 'retry';
      try {
        await clock.sleep(decision.afterMs, waits);
      } catch (error) {
        if (waits.aborted) return { kind: 'aborted' };
        throw error;
      }
    }
  }

  async #attempt(request: CallRequest, call: OpenCall, permit: Permit): Promise<Attempt> {
    if (request.mayCall?.() === false) return { answer: { kind: 'aborted' }, verdict: 'final' };
    call.at = 'calling';
    const { principal } = call.lane;
    const answer = await this.#inner.call(request);
    const verdict = judge(request, answer);
    // What AssumeRole says is about another principal's rate.
    if (answer.kind !== 'answer' || answer.operation !== undefined) return { answer, verdict };
    const now = answer.principal === undefined ? principal : this.#named(call.lane, answer.principal);
    // Keys were changed: what the new ones' account says is nothing to the old ones' rate.
    if (now !== principal) return { answer, verdict };
    if (verdict === 'throttled') principal.bucket.throttled(permit);
    else principal.bucket.accepted(permit);
    return { answer, verdict };
  }

  #placesOf({ label, limits }: CallRequest['connection']): PQueue {
    const concurrency = Math.max(1, limits.inFlight);
    let places = this.#places.get(label);
    if (places === undefined) {
      places = new PQueue({ concurrency });
      this.#places.set(label, places);
    } else if (places.concurrency !== concurrency) places.concurrency = concurrency;
    return places;
  }

  #laneFor({ connection, service, roleArn: rowRole }: CallRequest): CallLane {
    const roleArn = rowRole ?? connection.roleArn ?? null;
    const key = JSON.stringify([connection.label, service, roleArn]);
    const known = this.#lanes.get(key);
    if (known?.connection === connection) return known;
    // Until AWS has answered, whoever has the same credentials is the same.
    const who = JSON.stringify([service, endpointOf(connection, service), roleArn, connection.credentials]);
    const principal = this.#principal(who, connection.limits, null);
    const lane = new CallLane({ connection, service, roleArn, principal }, this.#placesOf(connection));
    keep(this.#lanes, key, lane);
    return lane;
  }

  #principal(key: string, limits: CallRequest['connection']['limits'], name: string | null): Principal {
    let principal = this.#principals.get(key);
    if (principal === undefined) {
      principal = { bucket: createTokenBucket(limits, this.#options.clock), name };
      keep(this.#principals, key, principal);
    } else principal.bucket.keepWithin(limits.maxCallsPerSecond);
    return principal;
  }

  /** The principal that the lane calls as, now that an answer named it. */
  #named(lane: CallLane, name: string): Principal {
    const { principal, connection, service } = lane;
    if (principal.name === name) return principal;
    const key = JSON.stringify([service, endpointOf(connection, service), name]);
    if (principal.name === null && !this.#principals.has(key)) {
      principal.name = name;
      keep(this.#principals, key, principal);
    } else lane.principal = this.#principal(key, connection.limits, name);
    return lane.principal;
  }

  snapshot(): LimiterSnapshot {
    const lanes = [...this.#lanes.values()];
    const waitingIn = (some: readonly CallLane[], what: CallLane['waitsFor']): number =>
      some.reduce((sum, { waiting, waitsFor }) => sum + (waitsFor === what ? waiting : 0), 0);
    const buckets = [...Map.groupBy(lanes, ({ principal }) => principal)].map(([{ bucket }, users]) => ({
      service: users[0]?.service ?? 'iam',
      connections: [...new Set(users.map(({ connection }) => connection.label))],
      roleArn: users[0]?.roleArn ?? null,
      callsPerSecond: bucket.rate,
      tokens: bucket.tokens,
      throttles: bucket.throttles,
      waiting: waitingIn(users, 'rate_limit'),
    }));
    const queues = [...this.#places].map(([label, { pending, concurrency }]) => ({
      connection: label,
      underWay: pending,
      inFlight: concurrency,
      waiting: waitingIn(
        lanes.filter(({ connection }) => connection.label === label),
        'queue',
      ),
    }));
    return { buckets, queues };
  }

  waits(): ReadonlyMap<string, CallWaits> {
    const jobs = new Map<string, { -readonly [K in keyof CallWaits]: CallWaits[K] }>();
    for (const { job, lane, at } of this.#calls) {
      let waits = jobs.get(job);
      if (waits === undefined) {
        waits = { calling: 0, rateLimit: 0, queue: 0, retry: 0, callsPerSecond: null };
        jobs.set(job, waits);
      }
      if (at !== 'line') waits[at] += 1;
      else if (lane.waitsFor === 'queue') waits.queue += 1;
      else {
        waits.rateLimit += 1;
        waits.callsPerSecond = Math.min(waits.callsPerSecond ?? Infinity, lane.principal.bucket.rate);
      }
    }
    return jobs;
  }
}

function endpointOf({ endpoints, region }: CallRequest['connection'], service: CallRequest['service']): string {
  return endpoints[service] ?? region;
}

/** Sets an entry; the oldest goes when there are too many. */
function keep<T>(entries: Map<string, T>, key: string, value: T): void {
  const oldest = entries.size >= maxPrincipals ? entries.keys().next().value : undefined;
  if (oldest !== undefined) entries.delete(oldest);
  entries.set(key, value);
}

export function limitedCaller(inner: IamCaller, options: LimitedCallerOptions): LimitedIamCaller {
  return new LimitedCaller(inner, options);
}
