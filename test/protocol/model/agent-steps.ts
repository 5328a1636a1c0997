// What the agent may do by itself in a state of the model: run rows, end them, send results and the last word.
import type { Step } from './explorer.ts';
import { endRow } from './agent-side.ts';
import { type AgentRecord, type Id, type Setting, type Up, type World, charAt, ids, replaceAt } from './world.ts';

/** Content of a row's entries, one character each: the envelope (which tells the call it came from) and the ways to end. */
const envelopes = ['ab', 'cd'] as const;
export const rowEnds = { done: 'AB', unknown: 'UV', cancelled: 'XY' } as const;

export function agentSteps(setting: Setting, world: World): Step<World>[] {
  const steps: Step<World>[] = [];
  for (const id of ids) {
    const record = world.disk.jobs[id] ?? null;
    if (record === null) continue;
    for (let row = 0; row < record.rows.length; row += 1) steps.push(...rowSteps(setting, world, id, record, row));
    steps.push(...sendSteps(setting, world, id, record));
  }
  return steps;
}

function rowSteps(setting: Setting, world: World, id: Id, record: AgentRecord, row: number): Step<World>[] {
  const running = world.memory.running[id]?.[row] === 'r';
  const step = (label: string, to: World): Step<World> => ({ label: `agent ${label} row ${row}`, to, fault: false });
  const end = (kind: keyof typeof rowEnds): string => rowEnds[kind][row] ?? '';
  if (running) {
    const done = (envelopes[world.ghost.epoch][row] ?? '') + end('done');
    return [step('finishes', endRow(setting, effect(world, row), id, row, done))];
  }
  const awake = world.memory.resumed || setting.broken.has('rows wait for the first welcome');
  if (!awake || record.rows[row] === 'e') return [];
  if (record.rows[row] === 'i') {
    if (record.job.phase !== 'accepted') return [];
    if (setting.broken.has('a row with an intent is not repeated'))
      return [step('repeats', start(setting, world, id, row))];
    return [step('cannot know', endRow(setting, world, id, row, end('unknown')))];
  }
  const steps: Step<World>[] = [];
  if (setting.rules.agent.mayRun(record.job) && row < record.job.nextChunk)
    steps.push(step('starts', start(setting, world, id, row)));
  if (record.job.phase === 'accepted' && record.job.cancelled)
    steps.push(step('cancels', endRow(setting, world, id, row, end('cancelled'))));
  return steps;
}

export function effect(world: World, row: number): World {
  const effects = charAt(world.ghost.effects, row, String(Number(world.ghost.effects[row]) + 1));
  return { ...world, ghost: { ...world.ghost, effects } };
}

function start(setting: Setting, world: World, id: Id, row: number): World {
  const record = world.disk.jobs[id];
  if (!record) return world;
  const running = replaceAt(world.memory.running, id, charAt(world.memory.running[id] ?? '', row, 'r'));
  const stored = setting.broken.has('intent before effect')
    ? record
    : { ...record, rows: charAt(record.rows, row, 'i') };
  return {
    ...world,
    disk: { ...world.disk, jobs: replaceAt(world.disk.jobs, id, stored) },
    memory: { ...world.memory, running },
    ghost: { ...world.ghost, fault: startFault(world, id, record) },
  };
}

function startFault(world: World, id: Id, record: AgentRecord): string | null {
  if (record.job.phase !== 'accepted') return `a row starts in phase ${record.job.phase}`;
  if (record.job.cancelled) return 'a row starts after cancel';
  if (!record.signed) return 'a row starts that was not signed';
  if (world.ghost.refused[id] === 'x' && !world.ghost.rolledBack) return 'a row starts that was reported as refused';
  return null;
}

function sendSteps(setting: Setting, world: World, id: Id, record: AgentRecord): Step<World>[] {
  const { link, memory } = world;
  const { job, log } = record;
  if (link === null || !memory.welcomed || job.phase === 'rejected' || job.phase === 'quarantined') return [];
  const from = job.phase === 'closed' ? job.acked : (memory.sent[id] ?? 0);
  const loss =
    memory.afterLoss[id] === true &&
    (from < job.produced || !setting.broken.has('an empty results frame reports the loss'));
  if (from < job.produced || loss) {
    const frame: Up = {
      kind: 'results',
      id,
      first: from + 1,
      lines: log.slice(from),
      head: job.head,
      afterLoss: loss ? job.ackedHead : null,
    };
    const sent = {
      ...memory,
      sent: replaceAt(memory.sent, id, job.produced),
      afterLoss: replaceAt(memory.afterLoss, id, false),
    };
    const fault = from < job.acked ? 'sends entries that it deleted' : world.ghost.fault;
    const to = { ...world, memory: sent, link: { ...link, up: [...link.up, frame] }, ghost: { ...world.ghost, fault } };
    return [{ label: `agent sends results ${from + 1}-${job.produced}`, to, fault: false }];
  }
  if (memory.finishDue[id] !== true || (job.phase !== 'finished' && job.phase !== 'closed')) return [];
  const frame: Up = { kind: 'finished', id, digest: job.tokenDigest, last: job.produced, head: job.head };
  const sent = { ...memory, finishDue: replaceAt(memory.finishDue, id, false) };
  return [
    {
      label: 'agent sends finished',
      to: { ...world, memory: sent, link: { ...link, up: [...link.up, frame] } },
      fault: false,
    },
  ];
}
