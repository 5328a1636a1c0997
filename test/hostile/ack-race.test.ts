// An acknowledgement that comes while a row ends: the state must hold both. The control plane chooses when it acknowledges, so it chooses the moment.
import { expect } from 'chai';
import { systemClock } from '../../agent/io/clock-system.ts';
import { nodeHashing } from '../../node/hashing.ts';
import { Jobs } from '../../agent/job/jobs.ts';
import { TrustedTime } from '../../agent/job/trusted-time.ts';
import type { JobRecord } from '../../agent/job/job-record.ts';
import { resumeJobs } from '../../agent/job/welcome.ts';
import { Answers } from '../../agent/job/answers.ts';
import { onWelcome } from '../../protocol/agent-job.ts';
import { isRefusal } from '../../protocol/error-codes.ts';
import { chunkDigest } from '../../protocol/digest-chain.ts';
import { agentIdSchema, controlPlaneIdSchema, keyIdSchema } from '../../protocol/ids.ts';
import type { JobClaims } from '../../protocol/job-claims.ts';
import { makeJobId } from '../support/control-plane-peer.ts';
import { memoryJournal } from '../support/journal-memory.ts';
import { aConnection } from '../support/job-fixture.ts';

const rows = ['{"user":"a"}', '{"user":"b"}', '{"user":"c"}'];
const kid = keyIdSchema.parse('k'.repeat(43));

const connection = { ...aConnection, label: 'prod', limits: { ...aConnection.limits, inFlight: 1 } };

function claims(): JobClaims {
  const iat = Math.floor(Date.now() / 1000);
  return {
    iss: controlPlaneIdSchema.parse(`urn:iam-agent:control-plane:${'k'.repeat(43)}`),
    aud: agentIdSchema.parse('host-1'),
    jti: makeJobId(),
    iat,
    exp: iat + 300,
    not_after: iat + 3_600,
    sub: 'someone',
    action: 'list_access_keys',
    connection: 'prod',
    inputs: { Username: '{{ user }}' },
    rows: { count: rows.length, chunks: [{ rows: rows.length, digest: chunkDigest(nodeHashing, rows) }] },
    options: {},
  };
}

function makeJobs() {
  const journal = memoryJournal();
  const clock = systemClock();
  const jobs = new Jobs({
    journal,
    hashing: nodeHashing,
    clock,
    time: new TrustedTime(clock, 0),
    caller: { call: () => Promise.reject(new Error('no call belongs to this test')) },
    events: () => undefined,
    connections: new Map([[connection.label, connection]]),
    sign: () => 'statement',
    spoolQuotaBytes: 1_000_000,
    keepDeliveredMs: 0,
    rememberMs: 86_400_000,
    onFault: (error) => {
      throw error;
    },
    drain: new AbortController().signal,
    signal: new AbortController().signal,
  });
  return { journal, jobs };
}

async function jobWithOneRowEnded(jobs: Jobs): Promise<JobRecord> {
  const wanted = claims();
  const plan = await jobs.allow(wanted);
  if (isRefusal(plan)) throw new Error(plan.detail);
  const record = await jobs.accept(wanted, kid, nodeHashing.sha256('token'), plan);
  expect(await jobs.rows(record, 0, rows)).to.equal('store');
  await record.end([{ row: 0, lines: [], items: 0, outcome: 'succeeded' }]);
  return record;
}

describe('an acknowledgement while a row ends', () => {
  it('by results.ack keeps what the row added', async () => {
    const { jobs, journal } = makeJobs();
    const record = await jobWithOneRowEnded(jobs);
    const acknowledged = jobs.acknowledged(record, { sequence: 1, head: record.state.head });
    const ended = record.end([{ row: 1, lines: [], items: 0, outcome: 'succeeded' }]);
    await Promise.all([acknowledged, ended]);
    const stored = await journal.job(record.id);
    expect(stored?.state).to.deep.equal(record.state);
    expect(record.state).to.include({ produced: 2, endedRows: 2, acked: 1 });
    await journal.close();
  });

  it('by welcome keeps what the row added', async () => {
    const { jobs, journal } = makeJobs();
    const record = await jobWithOneRowEnded(jobs);
    const out = { send: () => undefined, ready: () => Promise.resolve(), open: true };
    const answers = new Answers({ jobs, out, events: () => undefined, onFault: () => undefined }, new Map());
    const view = { job: record.id, last_sequence: 1, head: record.state.head, cancel: false };
    const resumed = resumeJobs([view], { jobs, journal, events: () => undefined, answers, send: () => undefined });
    const ended = record.end([{ row: 1, lines: [], items: 0, outcome: 'succeeded' }]);
    await Promise.all([resumed, ended]);
    expect(record.state).to.include({ produced: 2, endedRows: 2, acked: 1 });
    await journal.close();
  });
});

describe('a refused token', () => {
  it('leaves a small record with an end, whatever its claims say', async () => {
    const { jobs, journal } = makeJobs();
    const wanted = { ...claims(), inputs: { Username: 'x'.repeat(180_000) }, not_after: 99_999_999_999 };
    await jobs.reject(wanted, kid, nodeHashing.sha256('token'), 'unknown_action');
    const stored = await journal.job(wanted.jti);
    expect(JSON.stringify(stored).length, 'bytes kept of it').to.be.below(16_384);
    expect(stored?.forgetAt ?? Infinity).to.be.below(Date.now() + 40 * 86_400_000);
    await journal.close();
  });
});

describe('jobs that only the control plane claims to know', () => {
  it('are forgotten once no token of theirs can be accepted', async () => {
    const { jobs, journal } = makeJobs();
    const id = makeJobId();
    const decision = onWelcome(undefined, { sequence: 5, head: nodeHashing.sha256('head') }, () => undefined);
    if (decision.kind !== 'unknown') throw new Error(decision.kind);
    await jobs.lost(id, decision.next);
    await journal.purge(Date.now() + 40 * 86_400_000);
    expect(await journal.job(id)).to.equal(null);
    await journal.close();
  });
});
