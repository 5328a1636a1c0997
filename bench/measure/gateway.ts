// Ten thousand idle agents on one control plane over plain ws: what each costs in resident memory, and how long it takes until every one of
// them is welcomed again when all links are cut and all dial at once.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { setTimeout as delay } from 'node:timers/promises';
import { ControlPlane } from '../../test/support/programs.ts';
import type { Found, Scale } from './figures.ts';
import { registerAgents } from './identities.ts';
import { memoryKib, type Running, start } from './process-figures.ts';
import { processFile } from './stand.ts';

const settleMs = 5_000;
const sparesOfFiles = 500;

export async function measureGateway({ quick, say }: Scale): Promise<Found> {
  const agents = quick ? 1_000 : 10_000;
  const files = await openFileLimit();
  if (files < agents + sparesOfFiles)
    return { figures: {}, notes: [`${agents} agents need as many open files, the limit is ${files} (ulimit -Hn)`] };
  const folder = await mkdtemp(join(tmpdir(), 'bench-gateway-'));
  const controlPlane = new ControlPlane(join(folder, 'control-plane'));
  const crowds: Running[] = [];
  try {
    await controlPlane.start();
    await controlPlane.kill('SIGTERM');
    const identities = await registerAgents(controlPlane.folder, agents);
    const file = join(folder, 'identities.json');
    await writeFile(file, JSON.stringify(identities), { mode: 0o600 });
    await controlPlane.start();
    const pid = controlPlane.program?.child.pid ?? 0;
    const url = `${controlPlane.url.replace(/^http/, 'ws')}/agent/v1/socket`;
    for (const half of [0, 1]) {
      const args = [processFile('crowd.ts'), url, file, String((half * agents) / 2), String(agents / 2)];
      crowds.push(start(process.execPath, args));
    }
    await delay(settleMs);
    const before = memoryKib(pid, 'VmRSS');
    await all(crowds, 'prepare');
    const first = await all(crowds, 'connect');
    await delay(settleMs);
    const perAgent = (memoryKib(pid, 'VmRSS') - before) / agents;
    say(`${agents} agents connected in ${first.seconds.toFixed(1)} s, ${perAgent.toFixed(1)} KiB each`);
    const notes = quick ? [`gateway: measured with ${agents} agents in place of 10,000`] : [];
    try {
      return { figures: { gateway_kib_per_agent: perAgent, gateway_storm_s: await storm(crowds, agents, say) }, notes };
    } catch (error) {
      return { figures: { gateway_kib_per_agent: perAgent }, notes: [...notes, `no storm: ${String(error)}`] };
    }
  } finally {
    for (const crowd of crowds) await crowd.stop();
    await controlPlane.kill('SIGTERM');
    await rm(folder, { recursive: true, force: true });
  }
}

/** Seconds from the dials until every agent is welcomed again. */
async function storm(crowds: readonly Running[], agents: number, say: Scale['say']): Promise<number> {
  await all(crowds, 'drop');
  await all(crowds, 'prepare');
  const { seconds, redials, open } = await all(crowds, 'connect');
  say(`all again in ${seconds.toFixed(1)} s; ${redials} dials were made again`);
  if (open < agents) throw new Error(`only ${open} of ${agents} links are open`);
  return seconds;
}

interface Answer {
  readonly seconds: number;
  readonly redials: number;
  readonly open: number;
}

/** Of all crowds together; the seconds are those of the last to be done. */
async function all(crowds: readonly Running[], word: string): Promise<Answer> {
  for (const crowd of crowds) crowd.tell(word);
  const lines = await Promise.all(crowds.map((crowd) => crowd.line()));
  const answers = lines.map((line) => JSON.parse(line) as Answer);
  return {
    seconds: Math.max(...answers.map(({ seconds }) => seconds)),
    redials: answers.reduce((sum, { redials }) => sum + redials, 0),
    open: answers.reduce((sum, { open }) => sum + open, 0),
  };
}

/** Node raises its own limit to the hard one. */
async function openFileLimit(): Promise<number> {
  const limits = await readFile('/proc/self/limits', 'utf8');
  return Number(/^Max open files +\d+ +(\d+)/m.exec(limits)?.[1] ?? 0);
}
