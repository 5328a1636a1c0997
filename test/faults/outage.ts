// The control plane is away while large listings run: results go to the agent's disk up to its quota, and then no row is started. Judged by the pages
// that AWS gave meanwhile. When it is back, what was read is delivered, and the rest is cancelled.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Findings } from './checker/evidence.ts';
import type { Counts } from './counts.ts';
import { largePage } from './endpoint-state.ts';
import type { Mutation } from './mutation.ts';
import { World } from './world.ts';
import { spoolQuotaMib } from './world-parts.ts';

/** Many more than the quota has room for. */
const rows = 160;
const inFlight = 4;
/** Less than the entries of such a page have. */
const leastPageBytes = largePage.users * largePage.pathCharacters;
const mostPages = Math.ceil((spoolQuotaMib * 1024 * 1024) / leastPageBytes) + inFlight;

export async function outage(options: {
  readonly folder: string;
  readonly seed: string;
  readonly counts: Counts;
  readonly mutation?: Mutation | null;
  readonly stuckMs?: number;
}): Promise<Findings> {
  const { counts, ...rest } = options;
  const onLinkFault = (kind: string): void => counts.link(kind);
  const world = await World.make({ ...rest, onCrash: (point) => counts.crash(point), onLinkFault });
  try {
    world.start('agent');
    const job = await world.ask({ kind: 'list_users', name: 'large', rows });
    while (world.endpoint.requests === 0) await sleep(10);
    await world.kill('plane', 'while large results come');
    const before = world.endpoint.requests;
    const pages = (await standsStill(world)) - before;
    if (pages > mostPages) {
      const detail = `${pages} pages during the outage; the quota has room for ${mostPages} at most`;
      world.faults.push({ rule: 'quota of the spool', job, row: null, detail });
    }
    world.start('plane');
    await world.cancel(job);
    await world.finished();
    const findings = await world.judge();
    counts.run(findings);
    return findings;
  } finally {
    await world.stop();
  }
}

/** The number of requests once none has come for some seconds. */
async function standsStill({ endpoint }: World): Promise<number> {
  for (let [seen, still] = [-1, 0]; still < 40; await sleep(100)) {
    still = endpoint.requests === seen ? still + 1 : 0;
    seen = endpoint.requests;
  }
  return endpoint.requests;
}
