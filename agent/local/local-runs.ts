// The local runs of this process: what `iam-agent exec` asks for, over the socket of a running agent or in the command's own process. They use
// the same policy, turns, limiter and journal as jobs; no control plane hears of them.
import { type Refusal, isRefusal, refuse } from '../../protocol/error-codes.ts';
import type { Hashing } from '../../protocol/hashing.ts';
import type { Plan } from '../job/plan.ts';
import { localLimits } from './local-limits.ts';
import type { LocalRun, LocalRunPorts, RunCaller } from './local-run.ts';
import type { ReadBackPorts } from './read-back.ts';
import type { RunEnd, RunId, StoredRun } from './run-log.ts';
import type { RunEnded, RunHead } from './wire.ts';

export interface LocalRunsPorts extends LocalRunPorts, ReadBackPorts {
  readonly hashing: Hashing;
  readonly newId: () => RunId;
  /** How long an ended run is remembered. */
  readonly keepMs: number;
}

/** A run that may begin: nothing of it has happened yet. */
export interface AcceptedRun {
  readonly kind: 'accepted_run';
  readonly id: RunId;
  /** The caller's configuration has this connection otherwise, or not at all. */
  readonly configDiffers: boolean;
  go(caller: RunCaller): Promise<RunEnded>;
}

/** Ends after which what was done may not be known to whoever asked. */
const unseen: ReadonlySet<RunEnd | null> = new Set(['lost', 'drained', 'interrupted', null]);
/** Runs that are looked through for an interrupted one of the same command. */
const remembered = 1_000;

export class LocalRuns {
  readonly #ports: LocalRunsPorts;
  readonly #live = new Map<RunId, LocalRun>();
  readonly #readingBack = new Set<RunId>();
  readonly #work = new Set<Promise<unknown>>();

  constructor(ports: LocalRunsPorts) {
    this.#ports = ports;
  }

  get live(): readonly LocalRun[] {
    return [...this.#live.values()];
  }

  isReadingBack(id: RunId): boolean {
    return this.#readingBack.has(id);
  }

  /** Begins to read back what an earlier process left; resolves when it has begun. */
  async recover(): Promise<void> {
    const { log, onFault } = this.#ports;
    const open = await log.openRuns();
    if (open.length === 0) return;
    const { readBackRun } = await import('./read-back.ts');
    for (const found of open) {
      this.#readingBack.add(found.id);
      const work = readBackRun(found, this.#ports).finally(() => this.#readingBack.delete(found.id));
      this.#track(work.catch(onFault));
    }
  }

  /**
   * Refusals: agent_draining, too_many_requests, run_interrupted and those of allowJob. An accepted run is in the log before this resolves, and
   * must be begun.
   */
  async accept(head: RunHead): Promise<AcceptedRun | Refusal> {
    const accepted = await this.#accept(head);
    if (isRefusal(accepted)) {
      const { action, connection } = head;
      this.#ports.events('run.refused', { action, connection, code: accepted.code });
    }
    return accepted;
  }

  cancel(id: RunId): boolean {
    const run = this.#live.get(id);
    run?.cancel();
    return run !== undefined;
  }

  /** Resolves when nothing is under way any more. */
  async idle(): Promise<void> {
    while (this.#work.size > 0) await Promise.all(this.#work);
  }

  async #accept(head: RunHead): Promise<AcceptedRun | Refusal> {
    const { drain, connections, hashing, log, newId, clock, keepMs } = this.#ports;
    if (drain.aborted) return refuse('agent_draining', 'the agent is stopping; try again when it runs again');
    if (this.#live.size >= localLimits.runs)
      return refuse('too_many_requests', `${localLimits.runs} local runs are under way; wait until one has ended`);
    // What runs rows is most of what the daemon would hold while there are none.
    const [{ LocalRun: Run }, { allowJob }] = await Promise.all([
      import('./local-run.ts'),
      import('../job/allow-job.ts'),
    ]);
    const { action, connection, inputs, options, again } = head;
    const plan = allowJob({ action, connection, inputs, options }, connections);
    if (isRefusal(plan)) return plan;
    const changes = plan.action.repeat !== 'safe' && options.dry_run !== true;
    const invocation = hashing.sha256(JSON.stringify([action, connection, byName(inputs)]));
    const startedAt = clock.now();
    const run: StoredRun = {
      id: newId(),
      action,
      connection,
      invocation,
      changes,
      startedAt,
      endedAt: null,
      end: null,
      outcomes: {},
      entries: 0,
      repeated: false,
      forgetAt: startedAt + keepMs,
    };
    const earlier = changes ? await this.#interrupted(run) : [];
    const refused = this.#mayRepeat(earlier, again);
    if (refused !== null) return refused;
    const repeated = earlier.map((one) => ({ kind: 'run', run: { ...one, repeated: true } }) as const);
    await log.commitRuns([...repeated, { kind: 'run', run }]);
    const configDiffers = head.config !== configDigest(plan, hashing);
    return {
      kind: 'accepted_run',
      id: run.id,
      configDiffers,
      go: (caller) => this.#go(run, new Run(run, plan, caller, this.#ports), plan),
    };
  }

  /** Earlier runs of the same command that were cut off after something of them had begun, newest first. */
  async #interrupted({ invocation }: StoredRun): Promise<readonly StoredRun[]> {
    const { log } = this.#ports;
    const same = (await log.recentRuns(remembered)).filter(
      (one) => one.invocation === invocation && one.changes && !one.repeated && unseen.has(one.end),
    );
    const begun = [];
    for (const one of same) {
      if (this.#live.has(one.id)) continue;
      if (one.entries > 0 || (await log.runIntents(one.id)).length > 0) begun.push(one);
    }
    return begun;
  }

  #mayRepeat([newest, ...older]: readonly StoredRun[], again: RunId | null): Refusal | null {
    if (newest === undefined) return null;
    const at = new Date(newest.startedAt).toISOString();
    const which = `run ${newest.id} of ${at} did the same and was cut off in the middle`;
    if ([newest, ...older].some(({ end }) => end === null))
      return refuse('run_interrupted', `${which}; what it had begun is being read back now: wait a minute, then look`);
    if (again === newest.id) return null;
    return refuse(
      'run_interrupted',
      `${which}; \`iam-agent runs ${newest.id}\` shows what it did. Leave out the rows that are done, then say --again ${newest.id}`,
    );
  }

  async #go(run: StoredRun, work: LocalRun, plan: Plan): Promise<RunEnded> {
    const { events, clock, onFault } = this.#ports;
    const startedMs = clock.monotonicMs();
    const { id, action, connection } = run;
    this.#live.set(id, work);
    events('run.started', { run: id, action, connection, dryRun: plan.options.dry_run === true });
    const over = work
      .go()
      .catch((error: unknown) => {
        onFault(error);
        return work.stored;
      })
      .finally(() => this.#live.delete(id));
    this.#track(over);
    const { end, outcomes } = await over;
    const rows = Object.values(outcomes).reduce((sum, count) => sum + count, 0);
    const durationMs = clock.monotonicMs() - startedMs;
    // Null: the process stops and left it to the next start.
    const how = end === null || end === 'interrupted' || end === 'damaged' ? 'drained' : end;
    events('run.ended', { run: id, action, connection, end: how, rows, ...outcomes, durationMs });
    return { end: how, outcomes };
  }

  #track(work: Promise<unknown>): void {
    this.#work.add(work);
    void work.finally(() => this.#work.delete(work));
  }
}

function byName(inputs: RunHead['inputs']): readonly (readonly [string, unknown])[] {
  return Object.entries(inputs).toSorted(([one], [other]) => (one < other ? -1 : 1));
}

/** Tells two configurations of one connection apart, without showing either. */
export function configDigest({ connection }: Pick<Plan, 'connection'>, hashing: Hashing) {
  return hashing.sha256(JSON.stringify(connection));
}
