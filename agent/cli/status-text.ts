// The status for people: facts first, then a small table for each thing there is, and nothing about what there is not.
import { plainTable } from '../../terminal/plain-table.ts';
import { duration } from '../../terminal/summary.ts';
import { visible } from '../../terminal/visible-text.ts';
import type { Status } from '../local/status.ts';
import { runsTable } from './runs-text.ts';

/** Skew up to here is what clocks and networks do. */
const calmSkewMs = 1_000;
const shownErrors = 10;

export function statusText(status: Status, nowMs: number): string {
  const facts = factsOf(status, nowMs);
  const width = Math.max(...facts.map(([name]) => name.length)) + 2;
  const lines = facts.map(([name, text]) => `${name.padEnd(width)}${visible(text)}\n`).join('');
  const parts = [
    lines,
    jobs(status),
    openRuns(status, nowMs),
    recentRuns(status),
    rates(status),
    errors(status, nowMs),
  ];
  return parts.filter((part) => part !== '').join('\n');
}

function factsOf(status: Status, nowMs: number): readonly (readonly [string, string])[] {
  const { agent, control_plane: controlPlane, spool, journal, runs, connections } = status;
  const unverified = connections.filter((connection) => !connection.verify_ssl).map(({ label }) => label);
  const facts: (readonly [string, string])[] = [
    [
      'agent',
      `${agent.name}, version ${agent.version}, process ${agent.pid}, up ${duration(agent.uptime_seconds * 1_000)}`,
    ],
    ['control plane', controlPlane.url],
    ['link', linkText(status, nowMs)],
  ];
  if (agent.draining) facts.push(['stopping', 'takes nothing new; what is under way ends']);
  if (status.link.last_error !== null && status.link.state !== 'connected') {
    const { at, reason, event } = status.link.last_error;
    facts.push(['last error', `${reason} (${event}) ${ago(at, nowMs)}`]);
  }
  const skew = status.clock_skew_ms;
  const full =
    spool.full_since === null ? '' : `: full for ${duration(Math.max(0, nowMs - Date.parse(spool.full_since)))}`;
  if (skew !== null) facts.push(['clock', skewText(skew)]);
  facts.push(
    ['jobs', `${journal.open_jobs} open, ${journal.entries_waiting} results not acknowledged`],
    ['local runs', `${runs.open.length} under way`],
    ['spool', `${mebibytes(spool.bytes)} of ${mebibytes(spool.quota_bytes)} MiB${full}`],
  );
  if (unverified.length > 0) facts.push(['TLS', `not verified for ${unverified.join(', ')}`]);
  return facts;
}

function linkText({ link }: Status, nowMs: number): string {
  const since = duration(Math.max(0, nowMs - Date.parse(link.since)));
  if (link.state === 'connected') return `connected for ${since}, session ${link.session ?? '-'}`;
  if (link.next_dial_at === null) return `not connected for ${since}, dialling now`;
  return `not connected for ${since}, next dial in ${duration(Math.max(0, Date.parse(link.next_dial_at) - nowMs))}`;
}

function skewText(skewMs: number): string {
  if (Math.abs(skewMs) <= calmSkewMs) return 'as the control plane has it';
  return `${duration(Math.abs(skewMs))} ${skewMs > 0 ? 'behind' : 'ahead of'} the control plane's`;
}

const waits = {
  control_plane: 'its control plane to say what it holds',
  rows: 'rows',
  spool: 'room in the spool',
  rate_limit: 'the rate limit',
  queue: 'a place among the calls under way',
  retry: 'another try of its calls',
  draining: 'the next start',
  results: 'its results to be acknowledged',
} as const;

function jobs({ jobs: open }: Status): string {
  if (open.length === 0) return '';
  const rows = open.map((job) => [
    job.job,
    job.action ?? '',
    job.connection ?? '',
    `${job.rows_done}/${job.rows}`,
    String(job.rows_failed),
    job.waits_for === null ? '' : waits[job.waits_for],
  ]);
  return plainTable(['job', 'action', 'connection', 'rows', 'failed', 'waits for'], rows);
}

function openRuns({ runs }: Status, nowMs: number): string {
  if (runs.open.length === 0) return '';
  const rows = runs.open.map((run) => [
    run.run,
    run.action,
    run.connection,
    String(run.rows_done),
    String(run.rows_failed),
    run.state === 'running' ? `running for ${duration(nowMs - Date.parse(run.started_at))}` : 'being read back',
  ]);
  return plainTable(['run', 'action', 'connection', 'rows', 'failed', 'state'], rows);
}

function recentRuns({ runs }: Status): string {
  return runs.recent.length === 0 ? '' : runsTable(runs.recent);
}

function rates({ calls }: Status): string {
  const buckets = calls.buckets.map(
    ({ service, connections, role_arn: role, calls_per_second: rate, throttles, waiting }) => [
      `${service} as ${role ?? connections.join(', ')}`,
      rate.toFixed(1),
      String(throttles),
      String(waiting),
    ],
  );
  const queues = calls.queues.map(({ connection, under_way: underWay, in_flight: inFlight, waiting }) => [
    connection,
    `${underWay} of ${inFlight}`,
    String(waiting),
  ]);
  const tables = [
    buckets.length === 0 ? '' : plainTable(['rate of', 'calls/s', 'throttled', 'waiting'], buckets),
    queues.length === 0 ? '' : plainTable(['calls of', 'under way', 'waiting'], queues),
  ];
  return tables.filter((table) => table !== '').join('\n');
}

function errors({ errors: seen }: Status, nowMs: number): string {
  if (seen.length === 0) return '';
  const rows = seen
    .slice(0, shownErrors)
    .map((one) => [
      ago(one.at, nowMs),
      one.event,
      one.code ?? one.reason ?? '',
      one.job ?? one.run ?? one.connection ?? '',
      one.times === 1 ? '' : `${one.times} times`,
    ]);
  return plainTable(['last errors', 'event', 'code', 'of', 'times'], rows);
}

function ago(at: string, nowMs: number): string {
  return `${duration(Math.max(0, nowMs - Date.parse(at)))} ago`;
}

function mebibytes(bytes: number): string {
  return (bytes / 1024 / 1024).toFixed(1);
}
