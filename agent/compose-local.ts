// Wires what this host's operator uses beside the control plane: local runs, the socket, and what `status` says. compose.ts and `exec` use it.
import { randomUUID } from 'node:crypto';
import process from 'node:process';
import { isRefusal } from '../protocol/error-codes.ts';
import type { AgentParts } from './agent.ts';
import type { AgentConfig } from './config/load-config.ts';
import type { Connection } from './connection.ts';
import type { EventSink } from './events.ts';
import type { IamCaller } from './iam/iam-caller.ts';
import { nodeHashing } from '../node/hashing.ts';
import type { LimitedIamCaller } from './io/queue-p-queue.ts';
import type { Clock } from './job/clock.ts';
import type { Jobs } from './job/jobs.ts';
import type { Turns } from './job/turns.ts';
import type { Journal } from './job/journal.ts';
import { LocalRuns } from './local/local-runs.ts';
import { runIdSchema, type RunLog } from './local/run-log.ts';
import type { Status } from './local/status.ts';
import type { Watch } from './local/watch.ts';

const dayMs = 24 * 3_600_000;
/** Ended runs in `status`; `iam-agent runs` lists more. */
const recentRuns = 10;

export interface RunsParts {
  readonly config: Pick<AgentConfig, 'retention'>;
  readonly connections: readonly Connection[];
  readonly log: RunLog;
  readonly clock: Clock;
  readonly events: EventSink;
  readonly caller: IamCaller;
  readonly turns: Turns;
  readonly onFault: (error: unknown) => void;
  readonly drain: AbortSignal;
  readonly signal: AbortSignal;
}

export function makeLocalRuns({ config, connections, ...parts }: RunsParts): LocalRuns {
  return new LocalRuns({
    ...parts,
    connections: new Map(connections.map((connection) => [connection.label, connection])),
    hashing: nodeHashing,
    newId: () => runIdSchema.parse(randomUUID()),
    keepMs: config.retention.resultsDays * dayMs,
  });
}

interface LocalParts {
  readonly config: AgentConfig;
  readonly version: string;
  readonly clock: Clock;
  readonly events: EventSink;
  readonly watch: Watch;
  readonly journal: Journal & RunLog;
  readonly jobs: Jobs;
  readonly caller: LimitedIamCaller;
  /** The agent's name at its control plane. */
  readonly agent: string;
  readonly releases: AgentParts['releases'];
  readonly onFault: (error: unknown) => void;
  readonly drain: AbortSignal;
  readonly signal: AbortSignal;
}

export function localParts(parts: LocalParts): Pick<AgentParts, 'runs' | 'serveLocal'> {
  const { config, version, clock, events, journal, jobs, releases } = parts;
  const runs = makeLocalRuns({ ...parts, connections: config.connections, log: journal, turns: jobs.turns });
  const startedMs = { wall: clock.now(), monotonic: clock.monotonicMs() };
  const service = { status: () => statusOf(parts, runs, startedMs), runs, log: journal, version, events };
  return {
    runs,
    serveLocal: async () => {
      const { serveLocal } = await import('./io/local-socket.ts');
      const socket = await serveLocal(config.stateDir, service);
      // Jobs matter more than the operator's commands: without the socket the agent runs, and says so.
      if (isRefusal(socket)) events('local.unavailable', { code: socket.code });
      else releases.push(() => socket.close());
    },
  };
}

async function statusOf(
  parts: LocalParts,
  runs: LocalRuns,
  startedMs: { readonly wall: number; readonly monotonic: number },
): Promise<Status> {
  // Nobody may ever ask.
  const { callsSeen, jobSeen, openRunSeen, runView } = await import('./local/status.ts');
  const { config, version, clock, watch, journal, jobs, caller, agent, drain } = parts;
  const waits = caller.waits();
  const { spool } = jobs;
  const open = jobs.open.map((record) =>
    jobSeen(record, { draining: drain.aborted, welcomed: jobs.isRunning(record.id), calls: waits.get(record.id) }),
  );
  const live = new Map(runs.live.map((run) => [run.stored.id, run]));
  const openRuns = (await journal.openRuns()).filter(({ id }) => live.has(id) || runs.isReadingBack(id));
  const ended = (await journal.recentRuns(recentRuns + openRuns.length)).filter(({ end }) => end !== null);
  return {
    agent: {
      name: agent,
      version,
      node: process.versions.node,
      pid: process.pid,
      started_at: new Date(startedMs.wall).toISOString(),
      uptime_seconds: Math.floor((clock.monotonicMs() - startedMs.monotonic) / 1000),
      draining: drain.aborted,
    },
    control_plane: { url: config.controlPlane.url },
    link: watch.link(),
    clock_skew_ms: watch.clockSkewMs,
    connections: config.connections.map(({ label, verifySsl }) => ({ label, verify_ssl: verifySsl })),
    jobs: open,
    runs: {
      open: openRuns.map((run) => openRunSeen(live.get(run.id)?.stored ?? run, live.get(run.id) ?? null)),
      recent: ended.slice(0, recentRuns).map(runView),
    },
    spool: {
      bytes: spool.bytes,
      quota_bytes: spool.quotaBytes,
      kept_bytes: spool.keptBytes,
      full_since: spool.fullSinceMs === null ? null : new Date(spool.fullSinceMs).toISOString(),
    },
    journal: {
      open_jobs: open.length,
      entries_waiting: open.reduce((sum, job) => sum + job.entries_waiting, 0),
    },
    calls: callsSeen(caller.snapshot()),
    errors: [...watch.errors()],
  };
}
