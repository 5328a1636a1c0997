// The status: what is said of a job that waits, what people read, and that the documentation names every member.
import { expect } from 'chai';
import { readFileSync } from 'node:fs';
import { statusText } from '../../../agent/cli/status-text.ts';
import type { CallWaits } from '../../../agent/iam/limiter-snapshot.ts';
import { jobSeen, type Status, statusSchema } from '../../../agent/local/status.ts';
import { claimsOfChunks, jobFixture } from '../../support/job-fixture.ts';
import { ScriptedCaller } from '../../support/scripted-caller.ts';

const operations = readFileSync(new URL('../../../docs/operations.md', import.meta.url), 'utf8');
const at = '2026-01-01T00:00:00.000Z';
const nowMs = Date.parse(at) + 90_000;

const calm: Status = {
  agent: {
    name: 'web-1',
    version: '1.2.3',
    node: '24.0.0',
    pid: 7,
    started_at: at,
    uptime_seconds: 90,
    draining: false,
  },
  control_plane: { url: 'https://soar.example.com' },
  link: { state: 'connected', since: at, session: 4, next_dial_at: null, last_error: null },
  clock_skew_ms: 3,
  connections: [{ label: 'prod', verify_ssl: true }],
  jobs: [],
  runs: { open: [], recent: [] },
  spool: { bytes: 0, quota_bytes: 1024 * 1024, kept_bytes: 0, full_since: null },
  journal: { open_jobs: 0, entries_waiting: 0 },
  calls: { buckets: [], queues: [] },
  errors: [],
};

describe('the status', () => {
  it('is documented, member by member', () => {
    const section = /## Status\n(.*?)\n## /s.exec(operations)?.[1] ?? '';
    const named = [...section.matchAll(/^\| `(\w+)`/gm)].map(([, name]) => name);
    expect(named).to.deep.equal(Object.keys(statusSchema.shape));
    for (const part of ['agent', 'link', 'spool', 'journal'] as const)
      for (const name of Object.keys(statusSchema.shape[part].shape)) expect(section).to.include(`\`${name}\``);
  });

  it('says why a job waits', async () => {
    const { accept } = jobFixture(new ScriptedCaller(() => new Promise(() => undefined)));
    const record = await accept(claimsOfChunks([['{"user":"a"}', '{"user":"b"}'], ['{"user":"c"}']]));
    const conditions = { welcomed: true, draining: false, calls: undefined };
    const waits = (change: object): unknown => jobSeen(record, { ...conditions, ...change }).waits_for;
    record.waitsFor = 'rows';
    expect(jobSeen(record, conditions)).to.include({ rows: 3, rows_done: 0, rows_waiting: 3, waits_for: 'rows' });
    expect(waits({ welcomed: false })).to.equal('control_plane');
    record.waitsFor = 'spool';
    expect(waits({})).to.equal('spool');
    expect(waits({ draining: true })).to.equal('draining');
    record.waitsFor = null;
    expect(waits({})).to.equal(null);
    const none: CallWaits = { calling: 0, rateLimit: 0, queue: 0, retry: 0, callsPerSecond: null };
    expect(waits({ calls: { ...none, rateLimit: 5, retry: 1 } })).to.equal('rate_limit');
    expect(waits({ calls: { ...none, retry: 1 } })).to.equal('retry');
    expect(waits({ calls: { ...none, queue: 1 } })).to.equal('queue');
    // As many are on their way: nothing holds the job up.
    expect(waits({ calls: { ...none, calling: 5, rateLimit: 5 } })).to.equal(null);
  });

  it('counts as failed what job.progress counts: what may need somebody, not what never ran', async () => {
    const { accept } = jobFixture(new ScriptedCaller(() => new Promise(() => undefined)));
    const record = await accept(claimsOfChunks([Array.from({ length: 5 }, (_, row) => `{"user":"${row}"}`)]));
    const outcomes = ['unknown', 'cancelled', 'expired', 'refused', 'succeeded'] as const;
    await record.end(outcomes.map((outcome, row) => ({ row, lines: [], items: 0, outcome })));
    const seen = jobSeen(record, { welcomed: true, draining: false, calls: undefined });
    expect(seen).to.include({ rows_done: 5, rows_failed: 2 });
  });

  it('is calm when there is nothing to say', () => {
    expect(statusText(calm, nowMs)).to.equal(
      `agent          web-1, version 1.2.3, process 7, up 1 min 30 s
control plane  https://soar.example.com
link           connected for 1 min 30 s, session 4
clock          as the control plane has it
jobs           0 open, 0 results not acknowledged
local runs     0 under way
spool          0.0 of 1.0 MiB
`,
    );
  });

  it('shows what there is, and nothing that could act on a terminal', () => {
    const job = {
      job: 'J',
      action: 'get_user',
      connection: 'prod',
      rows: 9,
      rows_done: 4,
      rows_failed: 1,
      rows_waiting: 5,
    };
    const text = statusText(
      {
        ...calm,
        agent: { ...calm.agent, name: 'web\u001B[31m', draining: true },
        link: {
          ...calm.link,
          state: 'waiting',
          session: null,
          next_dial_at: new Date(nowMs + 2_000).toISOString(),
          last_error: { at, event: 'link.unreachable', reason: 'ECONNREFUSED' },
        },
        clock_skew_ms: 180_000,
        connections: [{ label: 'lab', verify_ssl: false }],
        jobs: [{ ...job, entries_waiting: 3, waits_for: 'rate_limit' }],
        runs: {
          open: [
            {
              run: 'R',
              action: 'get_user',
              connection: 'prod',
              started_at: at,
              rows_done: 1,
              rows_failed: 0,
              under_way: 2,
              state: 'reading_back',
            },
          ],
          recent: [],
        },
        spool: { bytes: 2 * 1024 * 1024, quota_bytes: 1024 * 1024, kept_bytes: 0, full_since: at },
        calls: {
          buckets: [
            { service: 'iam', connections: ['prod'], role_arn: null, calls_per_second: 4.25, throttles: 2, waiting: 7 },
          ],
          queues: [{ connection: 'prod', under_way: 3, in_flight: 4, waiting: 9 }],
        },
        errors: [
          {
            at,
            times: 3,
            event: 'credentials.failed',
            level: 'error',
            code: 'credentials_unavailable',
            connection: 'prod',
          },
        ],
      },
      nowMs,
    );
    for (const part of [
      'not connected for 1 min 30 s, next dial in 2.0 s',
      'ECONNREFUSED (link.unreachable) 1 min 30 s ago',
      "3 min 0 s behind the control plane's",
      'not verified for lab',
      '2.0 of 1.0 MiB: full for 1 min 30 s',
      'the rate limit',
      'being read back',
      '4.3',
      '3 times',
      'takes nothing new',
    ])
      expect(text).to.include(part);
    expect(text).not.to.include('\u001B');
  });
});
