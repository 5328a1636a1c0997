// A listing of 100,000 items in 100 pages through the whole path, against the SDK's own paginator; and how many pages the endpoint has answered
// when the first envelope reaches whoever follows the job (the pages of that listing come late on purpose).
import process from 'node:process';
import type { Found, Scale } from './figures.ts';
import { median, result } from './process-figures.ts';
import { firstResult } from './results-stream.ts';
import { processFile, Stand } from './stand.ts';

const listJob = { action: 'list_users', inputs: {} };
const slowListJob = { action: 'list_users', inputs: { 'Path Prefix': '/slow/' } };
const items = 100_000;

export async function measureListing({ quick, say }: Scale): Promise<Found> {
  const stand = await Stand.open();
  try {
    const pages = await firstEnvelopePages(stand);
    const [path, sdk]: [number[], number[]] = [[], []];
    for (let round = 0; round < (quick ? 2 : 5); round += 1) {
      const raw = await result<{ done: number; seconds: number }>(process.execPath, [
        processFile('raw-sdk.ts'),
        'list',
        stand.stub.url,
      ]);
      sdk.push(raw.done / raw.seconds);
      const started = performance.now();
      const seen = await stand.stored(await stand.create(listJob), 120_000);
      if (seen.last_sequence !== items + 1) throw new Error(`expected ${items} items: ${JSON.stringify(seen)}`);
      path.push((items * 1_000) / (performance.now() - started));
      say(`items/s: path ${Math.round(path.at(-1) ?? 0)}, raw SDK ${Math.round(sdk.at(-1) ?? 0)}`);
    }
    return { figures: { list_first_envelope_page: pages, list_100k_vs_raw: median(path) / median(sdk) } };
  } finally {
    await stand.close();
  }
}

async function firstEnvelopePages(stand: Stand): Promise<number> {
  const before = await stand.stub.pages();
  const job = await stand.create(slowListJob);
  const results = new URL(`/api/v1/jobs/${job}/results?follow=true`, stand.controlPlane.url);
  await firstResult(results, stand.adminToken, (text) => text.includes('"envelope"'));
  const pages = (await stand.stub.pages()) - before;
  await stand.controlPlane.api(`/api/v1/jobs/${job}/cancel`, { method: 'POST' });
  return pages;
}
