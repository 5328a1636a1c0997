// Wires the daemon: the only file that knows both what decides and what acts. Each part that must be given back leaves its release here, so
// a start that fails half way gives back what it took.
import { type Refusal, isRefusal } from '../protocol/error-codes.ts';
import { signFinishedWith } from '../protocol/finished-statement.ts';
import { keySetSchema } from '../protocol/key-set.ts';
import { safeParse } from '../protocol/safe-parse.ts';
import { signSession } from '../protocol/session-token.ts';
import { Agent, type AgentParts } from './agent.ts';
import { localParts } from './compose-local.ts';
import type { AgentConfig } from './config/load-config.ts';
import type { EventSink } from './events.ts';
import { systemClock } from './io/clock-system.ts';
import { collectGarbage } from '../node/garbage.ts';
import { nodeHashing } from '../node/hashing.ts';
import { type Identity, loadIdentity, loadStateKey } from './io/identity-file.ts';
import { openJournal } from './io/journal-sqlite.ts';
import { readSecretFile, sharedStamps } from './io/keys-file.ts';
import { lazyCaller } from './io/lazy-caller.ts';
import type { LimitedIamCaller } from './io/queue-p-queue.ts';
import { nodeVerify, signerOf } from '../node/signatures.ts';
import { acquireStateLock } from './io/state-lock.ts';
import type { Clock } from './job/clock.ts';
import type { Connection } from './connection.ts';
import { Jobs } from './job/jobs.ts';
import type { Journal } from './job/journal.ts';
import type { RunLog } from './local/run-log.ts';
import { Watch } from './local/watch.ts';
import { SpareMemory } from './spare-memory.ts';
import { TrustStore } from './job/trust-store.ts';
import { TrustedTime } from './job/trusted-time.ts';

const dayMs = 24 * 3_600_000;
/** Once an hour, away from the full hour, when everybody else cleans up. */
const housekeepingTimes = '17 * * * *';
/** How often a journal without jobs is looked at. */
const untilFirstWorkMs = 10 * 60_000;

export interface ComposeOptions {
  readonly version: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly events: EventSink;
}

/** Refusals: state_locked, state_damaged, not_paired. @throws SecretFileError for an exposed or unreadable state file. */
export async function composeAgent(config: AgentConfig, options: ComposeOptions): Promise<Agent | Refusal> {
  const releases: AgentParts['releases'] = [];
  try {
    const parts = await takeParts(config, options, releases);
    if (!isRefusal(parts)) return new Agent(parts);
    await giveBack(releases);
    return parts;
  } catch (error) {
    await giveBack(releases);
    throw error;
  }
}

async function giveBack(releases: AgentParts['releases']): Promise<void> {
  for (const release of releases.toReversed()) await release();
}

async function takeParts(
  config: AgentConfig,
  options: ComposeOptions,
  releases: AgentParts['releases'],
): Promise<AgentParts | Refusal> {
  const { version, env } = options;
  const clock = systemClock();
  const watch = new Watch(options.events, () => clock.now());
  const spare = new SpareMemory(watch.sink);
  const events = spare.sink;
  const lock = await acquireStateLock(config.stateDir);
  if (isRefusal(lock)) return lock;
  releases.push(() => lock.release());
  const stateKey = await loadStateKey(config.stateDir, env.CREDENTIALS_DIRECTORY);
  const identity = await loadIdentity(config.stateDir, stateKey);
  if (isRefusal(identity)) return identity;
  const startedMs = clock.monotonicMs();
  const now = (): number => clock.now();
  const opened = await openJournal({ directory: config.stateDir, key: stateKey, hashing: nodeHashing, now });
  if (isRefusal(opened)) return opened;
  const { journal, recovery } = opened;
  releases.push(() => journal.close());
  const { jobs: jobCount, rows, entries } = recovery;
  events('agent.recovered', {
    jobs: jobCount,
    rows,
    entries,
    commits: recovery.at.counter,
    durationMs: clock.monotonicMs() - startedMs,
  });
  releases.push(keepHouse(journal, clock, events));
  return assemble({ config, version, clock, events, watch, spare, journal, identity, releases });
}

interface Taken {
  readonly config: AgentConfig;
  readonly version: string;
  readonly clock: Clock;
  readonly events: EventSink;
  readonly watch: Watch;
  readonly spare: SpareMemory;
  readonly journal: Journal & RunLog;
  readonly identity: Identity;
  readonly releases: AgentParts['releases'];
}

async function assemble(taken: Taken): Promise<AgentParts> {
  const { config, version, clock, events, watch, spare, journal, identity, releases } = taken;
  const facts = await journal.facts();
  const stepped = safeParse(keySetSchema, facts.keySet).data;
  const keySet = stepped !== undefined && stepped.version > identity.key_set.version ? stepped : identity.key_set;
  const { agent, control_plane: controlPlane } = identity;
  const time = new TrustedTime(clock, facts.highWaterMs);
  const [drain, abort] = [new AbortController(), new AbortController()];
  const fault = oneFault();
  const sign = signerOf(identity.privateKey);
  const caller = awsCaller(config.connections, { version, clock, events });
  releases.push(() => caller.close());
  const jobs = new Jobs({
    journal,
    hashing: nodeHashing,
    clock,
    time,
    caller,
    events,
    connections: new Map(config.connections.map((connection) => [connection.label, connection])),
    sign: (finished) => {
      const claims = { ...finished, iss: agent, aud: controlPlane, iat: Math.floor(time.nowMs() / 1000) };
      return signFinishedWith(sign, claims, identity.agent_key);
    },
    spoolQuotaBytes: config.spoolQuotaBytes,
    keepDeliveredMs: config.retention.resultsDays * dayMs,
    rememberMs: config.retention.jobsDays * dayMs,
    onFault: fault.raise,
    drain: drain.signal,
    signal: abort.signal,
  });
  const stopping = { drain: drain.signal, signal: abort.signal, onFault: fault.raise };
  const local = localParts({
    config,
    version,
    clock,
    events,
    watch,
    journal,
    jobs,
    caller,
    agent,
    releases,
    ...stopping,
  });
  const busy = (): boolean => jobs.open.some(({ id }) => jobs.isRunning(id)) || local.runs.live.length > 0;
  spare.start({ clock, collect: collectGarbage, busy, signal: drain.signal });
  return {
    config,
    version,
    clock,
    events,
    hashing: nodeHashing,
    time,
    journal,
    ...local,
    trust: new TrustStore({ agent, controlPlane, keySet }, journal, nodeVerify),
    jobs,
    callWaits: () => caller.waits(),
    transport: async () => {
      const { websocketTransport } = await import('./io/link-websocket.ts');
      return websocketTransport(config.controlPlane.url, config.controlPlane);
    },
    nextToken: tokenMaker(identity, journal, clock, facts.sessionCounter),
    drain,
    abort,
    fault,
    releases,
  };
}

/** The way to AWS that the daemon and `exec` share: SDK, credentials, roles, limiter; loaded with the first call. */
export function awsCaller(
  connections: readonly Connection[],
  { version, clock, events }: { version: string; clock: Clock; events: EventSink },
): LimitedIamCaller {
  return lazyCaller(async () => {
    const [{ createIamCaller }, { limitedCaller }] = await Promise.all([
      import('./io/call-iam.ts'),
      import('./io/queue-p-queue.ts'),
    ]);
    const inner = createIamCaller(connections, {
      clock,
      userAgent: `iam-agent/${version}`,
      readSecretFile,
      secretFileStamp: sharedStamps(),
      onEvent: (name, { connection }) => {
        if (name === 'credentials_unavailable')
          events('credentials.failed', { connection: String(connection), code: name });
      },
    });
    const limited = limitedCaller(inner, {
      clock,
      onRetry: (connection, operation, attempt) => events('call.retried', { connection, operation, attempt }),
    });
    return {
      call: (request) => limited.call(request),
      snapshot: () => limited.snapshot(),
      waits: () => limited.waits(),
      close: () => {
        limited.close();
        inner.close();
      },
    };
  });
}

function tokenMaker(identity: Identity, journal: Journal, clock: Clock, stored: number): AgentParts['nextToken'] {
  let counter = stored;
  const { agent, control_plane: controlPlane, privateKey, agent_key } = identity;
  return async () => {
    counter += 1;
    await journal.commit([{ kind: 'session_counter', value: counter }]);
    const session = { agent, controlPlane, counter, nowMs: clock.now() };
    return { token: await signSession(session, privateKey, agent_key), counter };
  };
}

/**
 * Returns how to stop it. It begins when the journal holds a job or a local run: before there is nothing to clean, and the scheduler would be a
 * fifth of what the daemon holds (it needs the time zones).
 */
function keepHouse(journal: Journal & RunLog, clock: Clock, events: EventSink): () => Promise<void> {
  const stopping = new AbortController();
  const scheduled = firstWork(journal, clock, stopping.signal).then(
    async () => {
      const { schedule } = await import('./io/schedule-node-cron.ts');
      return schedule(housekeepingTimes, () => clean(journal, clock, events), {
        name: 'journal_retention',
        onError: () => events('housekeeping.failed', { task: 'journal_retention' }),
        onOverlap: () => events('housekeeping.overlapped', { task: 'journal_retention' }),
      });
    },
    () => {
      if (!stopping.signal.aborted) events('housekeeping.failed', { task: 'journal_retention' });
      return null;
    },
  );
  return async () => {
    stopping.abort();
    await (await scheduled)?.stop();
  };
}

/** Rejects when the signal aborts, or when the journal was closed. */
async function firstWork(journal: Journal & RunLog, clock: Clock, signal: AbortSignal): Promise<void> {
  while ((await journal.recentJobs(1)).length === 0 && (await journal.recentRuns(1)).length === 0)
    await clock.sleep(untilFirstWorkMs, signal);
}

async function clean(journal: Journal & RunLog, clock: Clock, events: EventSink): Promise<void> {
  const startedMs = clock.monotonicMs();
  const { jobs, entries } = await journal.purge(clock.now());
  const runs = await journal.purgeRuns(clock.now());
  events('housekeeping.ran', {
    task: 'journal_retention',
    removed: jobs + entries + runs,
    durationMs: clock.monotonicMs() - startedMs,
  });
}

function oneFault(): AgentParts['fault'] {
  let raise: (error: unknown) => void = () => undefined;
  const raised = new Promise<unknown>((resolve) => (raise = resolve));
  return { raise: (error) => raise(error), raised };
}
