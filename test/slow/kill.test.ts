// kill -9 of either program in the middle of 200-row reading jobs, again and again: every row ends exactly once, nothing is lost or doubled.
import { expect } from 'chai';
import { randomInt } from 'node:crypto';
import { nodeHashing } from '../../node/hashing.ts';
import { chainAll, chainStart } from '../../protocol/digest-chain.ts';
import { jobIdSchema } from '../../protocol/ids.ts';
import { pairedHost } from '../support/paired-host.ts';
import { type ControlPlane, type Host, type Program, scratch } from '../support/programs.ts';
import { type ScriptedEndpoint, startScriptedEndpoint, xmlAnswer } from '../support/scripted-endpoint.ts';

const rounds = 20;
const rowCount = 200;
const waitMs = 60_000;

const answer =
  '<AccessKeyMetadata><member><UserName>alice</UserName><AccessKeyId>AKIAEXAMPLE000000001</AccessKeyId><Status>Active</Status></member>' +
  '<member><UserName>alice</UserName><AccessKeyId>AKIAEXAMPLE000000002</AccessKeyId><Status>Inactive</Status></member></AccessKeyMetadata>' +
  '<IsTruncated>false</IsTruncated>';

interface Entry {
  readonly row: number;
  readonly item?: number;
  readonly row_end?: { readonly items: number; readonly outcome: string };
}

describe('kill -9', () => {
  let folder: Awaited<ReturnType<typeof scratch>>;
  let plane: ControlPlane;
  let endpoint: ScriptedEndpoint;
  let host: Host;
  let agent: Program;

  before(async () => {
    folder = await scratch();
    endpoint = await startScriptedEndpoint();
    endpoint.play(() => xmlAnswer('ListAccessKeys', answer, { afterMs: 8 }));
    ({ plane, host, agent } = await pairedHost(folder.path, { endpoint: endpoint.url, reconnectSeconds: 1 }));
  });

  after(async () => {
    await agent.kill('SIGKILL');
    await plane.kill('SIGKILL');
    await endpoint.stop();
    await folder[Symbol.asyncDispose]();
  });

  async function startJob(): Promise<string> {
    const head = {
      agent: 'host-1',
      connection: 'prod',
      action: 'list_access_keys',
      inputs: { Username: '{{ user }}' },
    };
    const rows = Array.from({ length: rowCount }, (_, index) => JSON.stringify({ user: `user-${index}` }));
    const body = [JSON.stringify(head), ...rows].join('\n');
    const headers = { 'content-type': 'application/x-ndjson' };
    const made = await plane.api('/api/v1/jobs', { method: 'POST', headers, body });
    expect(made.status).to.equal(201);
    return ((await made.json()) as { job: string }).job;
  }

  async function view(
    job: string,
  ): Promise<{ status: string; rows: { ended: number }; last_sequence: number; results_lost: unknown }> {
    return (await (await plane.api(`/api/v1/jobs/${job}`)).json()) as Awaited<ReturnType<typeof view>>;
  }

  /** Waits until the agent has run so many rows of the job. */
  async function reach(rows: number, requestsBefore: number): Promise<void> {
    const deadline = Date.now() + waitMs;
    while (endpoint.requests.length - requestsBefore < rows) {
      if (Date.now() > deadline) throw new Error(`only ${endpoint.requests.length - requestsBefore} calls came`);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  async function finished(job: string): Promise<void> {
    const deadline = Date.now() + waitMs;
    for (;;) {
      const seen = await view(job);
      if (seen.status === 'completed') return;
      if (Date.now() > deadline || !['queued', 'sent', 'running'].includes(seen.status))
        throw new Error(JSON.stringify(seen));
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  async function check(job: string): Promise<void> {
    const text = await (await plane.api(`/api/v1/jobs/${job}/results`)).text();
    const lines = text.split('\n').filter(Boolean);
    const entries = lines.map((line) => JSON.parse(line) as Entry);
    const ends = entries.filter((entry) => entry.row_end !== undefined);
    expect(ends.map(({ row }) => row).toSorted((a, b) => a - b)).to.deep.equal(
      Array.from({ length: rowCount }, (_, row) => row),
    );
    expect(ends.every(({ row_end }) => row_end?.outcome === 'succeeded' && row_end.items === 2)).to.equal(true);
    const items = entries.filter((entry) => entry.row_end === undefined).map(({ row, item }) => `${row}.${item}`);
    expect(new Set(items).size).to.equal(items.length);
    expect(items).to.have.length(2 * rowCount);
    const seen = await view(job);
    expect(seen).to.include({ last_sequence: 3 * rowCount });
    expect(Boolean(seen.results_lost)).to.equal(false);
    // The chain over what is stored is a proof of its own: it starts from the job's id, so no entry can come from another job.
    const head = chainAll(nodeHashing, chainStart(nodeHashing, jobIdSchema.parse(job)), lines);
    expect(head).to.match(/^[0-9a-f]{64}$/);
  }

  it(`of the agent, ${rounds} times`, async () => {
    let killedAt = 0;
    for (let round = 0; round < rounds; round += 1) {
      const before = endpoint.requests.length;
      const job = await startJob();
      const rows = randomInt(1, rowCount - 20);
      await reach(rows, before);
      await agent.kill('SIGKILL');
      const { rows: at } = await view(job);
      expect(at.ended).to.be.lessThan(rowCount);
      killedAt += at.ended;
      agent = host.run();
      await finished(job);
      await check(job);
    }
    console.log(`      ${rounds} kills, after ${Math.round(killedAt / rounds)} of ${rowCount} rows on average`);
  });

  it(`of the control plane, ${rounds} times`, async () => {
    let killedAt = 0;
    for (let round = 0; round < rounds; round += 1) {
      const before = endpoint.requests.length;
      const job = await startJob();
      await reach(randomInt(1, rowCount - 20), before);
      const { rows: at } = await view(job);
      await plane.kill('SIGKILL');
      killedAt += at.ended;
      await plane.start();
      await finished(job);
      await check(job);
    }
    console.log(`      ${rounds} kills, after ${Math.round(killedAt / rounds)} of ${rowCount} rows on average`);
  });
});
