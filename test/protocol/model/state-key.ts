// A world as one short text: two worlds with the same text behave the same. The hot spot of the search, so parts are kept with the objects
// that they describe.
import type { AgentJob } from '../../../protocol/agent-job.ts';
import type { AgentDisk, World } from './world.ts';

const known = new WeakMap<object, string>();

function part<T extends object>(value: T, make: (value: T) => string): string {
  let text = known.get(value);
  if (text === undefined) {
    text = make(value);
    known.set(value, text);
  }
  return text;
}

const job = (j: AgentJob): string =>
  `${j.phase},${j.tokenDigest},${j.nextChunk},${j.endedRows},${j.produced},${j.head},${j.acked},${j.ackedHead},${j.cancelled ? 1 : 0}`;

const disk = (d: AgentDisk): string =>
  `${d.counter}/${d.jobs.map((r) => (r === null ? '-' : `${part(r.job, job)}:${r.log}:${r.rows}:${r.signed ? 1 : 0}`)).join('/')}`;

export function worldKey(world: World): string {
  const { memory, cp, link, stale, ghost } = world;
  return [
    part(world.disk, disk),
    part(memory, (m) => JSON.stringify(Object.values(m))),
    world.snapshot === null ? '-' : part(world.snapshot, disk),
    part(cp, (c) =>
      JSON.stringify([c.counter, c.blocked, c.id, c.log, c.byTombstone, c.lossKnown, Object.values(c.job)]),
    ),
    link === null ? '-' : part(link, (l) => `${l.counter}${l.greeted ? 'g' : ''}${frames(l.up)}>${frames(l.down)}`),
    stale === null ? '-' : part(stale, (s) => `${s.counter}${s.superseded ? 's' : ''}${frames(s.up)}`),
    frames(world.staleDown),
    part(world.budget, (b) => Object.values(b).join('')),
    part(ghost, (g) => JSON.stringify(Object.values(g))),
  ].join('|');
}

function frames(list: readonly object[]): string {
  return list.map((frame) => part(frame, (f) => JSON.stringify(Object.values(f)))).join(';');
}
