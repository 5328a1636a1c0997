// What the path adds to one job with one row: from the request that makes it until an operator who follows it has read the row's end, less what
// the endpoint itself takes for a call. Everything that is made durable on the way is in it; one job at a time.
import { request } from 'node:http';
import type { Found, Scale } from './figures.ts';
import { median, quantile } from './process-figures.ts';
import { firstResult, post } from './results-stream.ts';
import { rowsJob, Stand } from './stand.ts';

const warmUpJobs = 100;

export async function measureLatency({ quick, say }: Scale): Promise<Found> {
  const jobs = quick ? 200 : 1_000;
  const stand = await Stand.open();
  try {
    const times: number[] = [];
    for (let number = 0; number < warmUpJobs + jobs; number += 1) {
      const took = await oneJob(stand, number);
      if (number >= warmUpJobs) times.push(took);
    }
    const calls: number[] = [];
    for (let number = 0; number < jobs; number += 1) calls.push(await bareCall(stand.stub.url));
    const call = median(calls);
    say(`job ${median(times).toFixed(2)} ms, p99 ${quantile(times, 0.99).toFixed(2)} ms; call ${call.toFixed(2)} ms`);
    return {
      figures: {
        latency_added_p50_ms: median(times) - call,
        latency_added_p99_ms: quantile(times, 0.99) - call,
      },
    };
  } finally {
    await stand.close();
  }
}

async function oneJob({ controlPlane, adminToken }: Stand, number: number): Promise<number> {
  const head = JSON.stringify({ agent: 'host-1', connection: 'prod', ...rowsJob });
  const started = performance.now();
  const jobs = new URL('/api/v1/jobs', controlPlane.url);
  const { job } = await post<{ job: string }>(jobs, adminToken, `${head}\n{"user":"user-${number}"}\n`);
  const results = new URL(`/api/v1/jobs/${job}/results?follow=true`, controlPlane.url);
  await firstResult(results, adminToken, (text) => text.includes('"row_end"'));
  return performance.now() - started;
}

/** One call of the endpoint by itself, on a kept connection and unsigned. */
function bareCall(url: string): Promise<number> {
  const started = performance.now();
  const body = 'Action=ListAccessKeys&UserName=alice&Version=2010-05-08';
  return new Promise((resolve, reject) => {
    const sent = request(url, { method: 'POST', headers: { 'content-length': body.length } }, (answer) => {
      answer.resume().on('end', () => resolve(performance.now() - started));
    });
    sent.on('error', reject).end(body);
  });
}
