// Jobs on a journal in memory with a scripted AWS: what tests of agent/job start from.
import { nodeHashing } from '../../node/hashing.ts';
import { systemClock } from '../../agent/io/clock-system.ts';
import type { Connection } from '../../agent/connection.ts';
import type { IamCaller } from '../../agent/iam/iam-caller.ts';
import { Jobs, type JobsPorts } from '../../agent/job/jobs.ts';
import type { JobRecord } from '../../agent/job/job-record.ts';
import type { Journal } from '../../agent/job/journal.ts';
import { TrustedTime } from '../../agent/job/trusted-time.ts';
import { chunkDigest } from '../../protocol/digest-chain.ts';
import { isRefusal } from '../../protocol/error-codes.ts';
import type { Digest, JobId } from '../../protocol/ids.ts';
import type { JobClaims } from '../../protocol/job-claims.ts';
import { claimsOf, jobIdOf } from '../contract/journal-samples.ts';
import { memoryJournal } from './journal-memory.ts';

export const aConnection: Connection = {
  label: 'main',
  region: 'us-east-1',
  verifySsl: true,
  referenceValues: [],
  credentials: { kind: 'default' },
  allowedRoleArns: [],
  allow: ['*'],
  endpoints: {},
  limits: { callsPerSecond: 5, maxCallsPerSecond: 5, burst: 5, inFlight: 2 },
  readBackSeconds: 1,
  deactivateOrphans: false,
  markCreated: false,
};

/** Claims of a list_access_keys job whose rows come in these chunks; it may run for an hour. */
export function claimsOfChunks(chunks: readonly (readonly string[])[], change: Partial<JobClaims> = {}): JobClaims {
  const iat = Math.floor(Date.now() / 1000);
  return {
    ...claimsOf(jobIdOf(1), [], { Username: '{{ user }}' }),
    iat,
    exp: iat + 300,
    not_after: iat + 3_600,
    action: 'list_access_keys',
    rows: {
      count: chunks.reduce((sum, lines) => sum + lines.length, 0),
      chunks: chunks.map((lines) => ({ rows: lines.length, digest: chunkDigest(nodeHashing, lines) })),
    },
    ...change,
  };
}

export interface JobFixture {
  readonly jobs: Jobs;
  readonly journal: Journal;
  readonly faults: unknown[];
  readonly events: (readonly [string, Readonly<Record<string, unknown>>])[];
  readonly drain: AbortController;
  readonly abort: AbortController;
  readonly accept: (claims: JobClaims) => Promise<JobRecord>;
  /** Every entry of a job, parsed. */
  readonly entries: (job?: JobId) => Promise<SeenEntry[]>;
}

export interface SeenEntry {
  readonly row: number;
  readonly item?: number;
  readonly envelope?: { readonly error: string | null; readonly error_code?: string; readonly result?: unknown };
  readonly row_end?: { readonly items: number; readonly outcome: string };
}

export function jobFixture(caller: IamCaller, change: Partial<JobsPorts> = {}): JobFixture {
  const journal = change.journal ?? memoryJournal();
  const clock = change.clock ?? systemClock();
  const [drain, abort] = [new AbortController(), new AbortController()];
  const faults: unknown[] = [];
  const events: JobFixture['events'] = [];
  const jobs = new Jobs({
    journal,
    hashing: nodeHashing,
    clock,
    time: new TrustedTime(clock, 0),
    caller,
    events: (name, fields) => void events.push([name, fields]),
    connections: new Map([[aConnection.label, aConnection]]),
    sign: (facts) => JSON.stringify(facts),
    spoolQuotaBytes: 1_000_000,
    keepDeliveredMs: 1_000,
    rememberMs: 1_000,
    onFault: (error) => faults.push(error),
    drain: drain.signal,
    signal: abort.signal,
    ...change,
  });
  return {
    jobs,
    journal,
    faults,
    events,
    drain,
    abort,
    accept: async (claims) => {
      const plan = await jobs.allow(claims);
      if (isRefusal(plan)) throw new Error(plan.detail);
      return jobs.accept(claims, 'k', tokenOf(claims), plan);
    },
    entries: async (job = jobIdOf(1)) => {
      const held = await journal.entries(job, 1, { maxCount: 100_000, maxBytes: 100_000_000 });
      return held.map(({ line }) => JSON.parse(line) as SeenEntry);
    },
  };
}

export function tokenOf(claims: JobClaims): Digest {
  return nodeHashing.sha256(`token of ${claims.jti}`);
}

export function outcomesOf(entries: readonly SeenEntry[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { row_end } of entries)
    if (row_end !== undefined) counts[row_end.outcome] = (counts[row_end.outcome] ?? 0) + 1;
  return counts;
}
