// Jobs of many rows between the real programs: the memory of both does not grow with the rows, and kills in the middle of the transfer of rows cost
// nothing. The jobs are dry runs: everything happens to a row but the call.
import { randomInt } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { ControlPlane, Host, type Program, scratch } from '../support/programs.ts';

const [small, large, growth] = [1_000, 50_000, 2];
const [killedRows, kills] = [40_000, 8];

interface Running {
  readonly plane: ControlPlane;
  readonly host: Host;
  agent: Program;
  stop(): Promise<void>;
}

async function start(): Promise<Running> {
  const folder = await scratch();
  const plane = await new ControlPlane(join(folder.path, 'plane')).start();
  const endpoint = 'http://127.0.0.1:1';
  const host = await Host.make(join(folder.path, 'host'), plane.url, { endpoint, reconnectSeconds: 1 });
  // More rows side by side share a commit.
  const config = (await readFile(host.config, 'utf8'))
    .replace('in_flight: 4', 'in_flight: 32')
    .replace('debug', 'info');
  await writeFile(host.config, config, { mode: 0o600 });
  const paired = await host.pair(await plane.invite('host-1'));
  expect(paired.status, paired.stderr).to.equal(0);
  const running: Running = {
    plane,
    host,
    agent: host.run(),
    stop: async () => {
      await running.agent.kill('SIGKILL');
      await plane.kill('SIGKILL');
      await folder[Symbol.asyncDispose]();
    },
  };
  await running.agent.logged('link.welcomed');
  return running;
}

async function createJob(plane: ControlPlane, rows: number): Promise<string> {
  const head = {
    agent: 'host-1',
    connection: 'prod',
    action: 'list_access_keys',
    inputs: { Username: '{{ user }}' },
    options: { dry_run: true },
  };
  const lines = Array.from({ length: rows }, (_, index) => `{"user":"user-${index}"}`);
  const made = await plane.api('/api/v1/jobs', {
    method: 'POST',
    headers: { 'content-type': 'application/x-ndjson' },
    body: [JSON.stringify(head), ...lines].join('\n'),
  });
  expect(made.status).to.equal(201);
  return ((await made.json()) as { job: string }).job;
}

async function completed(plane: ControlPlane, job: string): Promise<void> {
  for (;;) {
    const { status } = (await (await plane.api(`/api/v1/jobs/${job}`)).json()) as { status: string };
    if (status === 'completed') return;
    if (!['queued', 'sent', 'running'].includes(status)) throw new Error(`the job is ${status}`);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

/** A start reads back what is open, which takes its time. */
async function welcomed(agent: Program): Promise<void> {
  while (agent.logs('link.welcomed').length === 0) {
    if (agent.child.exitCode !== null) throw new Error(`the agent ended: ${agent.stderr}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** The most memory that a process had, in MiB. */
function peakMib(program: Program | null): number {
  const status = readFileSync(`/proc/${program?.child.pid}/status`, 'utf8');
  return Number(/VmHWM:\s+(\d+)/.exec(status)?.[1]) / 1024;
}

describe('a large job', () => {
  it(`takes no more than ${growth} times the memory of a small one, in both programs`, async () => {
    const peaks: [number, number][] = [];
    for (const rows of [small, large]) {
      const running = await start();
      try {
        await completed(running.plane, await createJob(running.plane, rows));
        peaks.push([peakMib(running.agent), peakMib(running.plane.program)]);
      } finally {
        await running.stop();
      }
    }
    const shown = peaks.map(([agent, plane]) => `${Math.round(agent)} and ${Math.round(plane)} MiB`);
    console.log(`      agent and control plane: ${shown.join(' at 1,000 rows, ')} at 50,000`);
    const [[agentSmall, planeSmall] = [0, 0], [agentLarge, planeLarge] = [0, 0]] = peaks;
    expect(agentLarge / agentSmall).to.be.lessThan(growth);
    expect(planeLarge / planeSmall).to.be.lessThan(growth);
  });

  it(`survives ${kills} kills of either program while its rows are transferred`, async () => {
    const running = await start();
    try {
      const job = await createJob(running.plane, killedRows);
      for (let kill = 0; kill < kills; kill += 1) {
        await new Promise((resolve) => setTimeout(resolve, randomInt(50, 900)));
        if (kill % 2 === 0) {
          await running.agent.kill('SIGKILL');
          running.agent = running.host.run();
        } else {
          await running.plane.kill('SIGKILL');
          await running.plane.start();
        }
        await welcomed(running.agent);
      }
      await completed(running.plane, job);
      const ended = new Uint8Array(killedRows);
      let entries = 0;
      const text = await (await running.plane.api(`/api/v1/jobs/${job}/results`)).text();
      for (const line of text.split('\n')) {
        if (line === '') continue;
        entries += 1;
        const { row, row_end: end } = JSON.parse(line) as { row: number; row_end?: { outcome: string } };
        if (end?.outcome === 'succeeded') ended[row] = (ended[row] ?? 0) + 1;
      }
      expect(entries).to.equal(2 * killedRows);
      expect(ended.every((count) => count === 1)).to.equal(true);
    } finally {
      await running.stop();
    }
  });
});
