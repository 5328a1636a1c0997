// The agent's program around agent-job.ts, as the model runs it: what it commits, what it answers, when it starts, ends and sends.
import type { AgentJob, AgentReply } from '../../../protocol/agent-job.ts';
import type { Digest } from '../../../protocol/ids.ts';
import {
  type AgentDisk,
  type AgentMemory,
  type AgentRecord,
  type Down,
  type Held,
  type Id,
  type Setting,
  type Up,
  type World,
  charAt,
  ids,
  replaceAt,
  startHead,
  textHashing,
  tokenOf,
} from './world.ts';

/** What handling one frame gives; the caller commits `disk` and then sends `up`, or crashes in between. */
export interface Handled {
  readonly disk: AgentDisk;
  readonly memory: AgentMemory;
  readonly up: readonly Up[];
  readonly refused: string;
  readonly fault: string | null;
}

export function headAt(setting: Setting, id: Id, log: string, sequence: number): Digest {
  return setting.rules.chain.chainAll(textHashing, startHead(setting, id), Array.from(log.slice(0, sequence)));
}

export function heldViews(disk: AgentDisk): readonly (Held | null)[] {
  return disk.jobs.map((record) => {
    if (record === null || (record.job.phase !== 'accepted' && record.job.phase !== 'finished')) return null;
    const { tokenDigest, nextChunk, chunks } = record.job;
    return { tokenDigest, nextChunk: nextChunk < chunks ? nextChunk : null };
  });
}

class Turn {
  disk: AgentDisk;
  memory: AgentMemory;
  up: Up[] = [];
  fault: string | null = null;
  refused: string;
  readonly setting: Setting;
  constructor(setting: Setting, world: World) {
    this.setting = setting;
    this.disk = world.disk;
    this.memory = world.memory;
    this.refused = world.ghost.refused;
  }
  record(id: Id): AgentRecord | null {
    return this.disk.jobs[id] ?? null;
  }
  put(id: Id, record: AgentRecord): void {
    this.disk = { ...this.disk, jobs: replaceAt(this.disk.jobs, id, record) };
  }
  putJob(id: Id, job: AgentJob): void {
    const known = this.record(id);
    this.put(id, known ? { ...known, job } : { job, log: '', rows: '.'.repeat(job.rows), signed: true });
  }
  reply(id: Id, job: AgentJob, replies: readonly AgentReply[]): void {
    const digest = job.tokenDigest ?? startHead(this.setting, id);
    for (const reply of replies) {
      if (reply === 'finished') {
        this.memory = { ...this.memory, finishDue: replaceAt(this.memory.finishDue, id, true) };
        if (job.tokenDigest === null) this.refused = charAt(this.refused, id, 'x');
      } else if (reply === 'rejected') {
        this.refused = charAt(this.refused, id, 'x');
        this.up.push({ kind: 'rejected', id, digest });
      } else if (reply === 'accepted') this.up.push({ kind: 'accepted', id, digest });
      else this.up.push({ kind: 'quarantined', id });
    }
  }
}

/** `accepts` is what time and policy say of an id that is not known. */
export function handleAtAgent(setting: Setting, world: World, frame: Down, accepts: boolean): Handled {
  const turn = new Turn(setting, world);
  switch (frame.kind) {
    case 'welcome':
      for (const id of ids) onWelcome(turn, id, frame.views[id] ?? null);
      turn.memory = { ...turn.memory, resumed: true, welcomed: true };
      break;
    case 'job':
      onToken(turn, frame.id, frame.digest, accepts);
      break;
    case 'rows':
      onRows(turn, frame);
      break;
    case 'ack':
      onAck(turn, frame, world.ghost.tampered);
      break;
    case 'finished.ack':
      onFinishedAck(turn, frame);
      break;
    case 'cancel':
      onCancel(turn, frame.id);
      break;
    default:
      frame satisfies never;
  }
  return turn;
}

function onWelcome(turn: Turn, id: Id, view: { sequence: number; head: Digest; cancel: boolean } | null): void {
  const { setting } = turn;
  const record = turn.record(id);
  const head = (sequence: number): Digest | undefined =>
    record !== null && sequence > record.job.acked ? headAt(setting, id, record.log, sequence) : undefined;
  const decision = setting.rules.agent.onWelcome(record?.job, view ?? undefined, head);
  if (record !== null && view !== null && decision.kind === 'resume' && !decision.lost)
    if (headAt(setting, id, record.log, view.sequence) !== view.head)
      turn.fault = 'goes on although the control plane holds something else';
  if (decision.kind === 'unknown' || decision.kind === 'quarantine') {
    turn.putJob(id, decision.next);
    turn.reply(id, decision.next, ['quarantined']);
  } else if (decision.kind === 'resume') {
    turn.putJob(id, decision.next);
    const { memory } = turn;
    turn.memory = {
      ...memory,
      sent: replaceAt(memory.sent, id, decision.from - 1),
      afterLoss: replaceAt(memory.afterLoss, id, decision.lost),
    };
    turn.reply(id, decision.next, decision.replies);
    if (view?.cancel === true) onCancel(turn, id);
  }
}

function onToken(turn: Turn, id: Id, digest: Digest, accepts: boolean): void {
  const { agent } = turn.setting.rules;
  const record = turn.record(id);
  const known = agent.onKnownToken(record?.job, digest);
  if (known === 'replayed') {
    if (digest === tokenOf(id)) turn.fault = 'the true token counts as replayed';
    turn.up.push({ kind: 'rejected', id, digest });
  } else if (known !== null && record !== null) {
    if (digest !== tokenOf(id) && record.job.tokenDigest !== null) turn.fault = 'another token with a known id passes';
    turn.reply(id, record.job, known.replies);
  } else {
    const { rows } = turn.setting;
    const facts = { digest, rows, chunks: rows, chainStart: startHead(turn.setting, id) };
    const job = accepts ? agent.acceptJob(facts) : agent.rejectJob(facts, 'action_not_allowed');
    if (accepts || !turn.setting.broken.has('refusals are stored')) turn.putJob(id, job);
    turn.reply(id, job, accepts ? ['accepted'] : ['rejected']);
  }
}

function onRows(turn: Turn, frame: { id: Id; chunk: number; signed: boolean }): void {
  const record = turn.record(frame.id);
  const decision = turn.setting.rules.agent.onRows(record?.job, frame.chunk, frame.signed);
  if (decision.kind === 'request') turn.up.push({ kind: 'request', id: frame.id, chunk: decision.chunk });
  if (decision.kind !== 'store' || record === null) return;
  const right = frame.signed && frame.chunk === record.job.nextChunk;
  turn.put(frame.id, { ...record, job: decision.next, signed: record.signed && right });
}

function onAck(turn: Turn, frame: { id: Id; sequence: number; head: Digest }, tampered: boolean): void {
  const { setting } = turn;
  const record = turn.record(frame.id);
  const head = (sequence: number): Digest | undefined =>
    record !== null && sequence > record.job.acked && sequence <= record.job.produced
      ? headAt(setting, frame.id, record.log, sequence)
      : undefined;
  const decision = setting.rules.agent.onAck(record?.job, frame, head);
  if (decision.kind === 'head_mismatch' && !tampered) turn.fault = 'a true ack is reported as a mismatch';
  if (decision.kind === 'delete' || decision.kind === 'quarantine') turn.putJob(frame.id, decision.next);
  if (decision.kind === 'quarantine') turn.reply(frame.id, decision.next, ['quarantined']);
  const phase = turn.record(frame.id)?.job.phase;
  if (record !== null && frame.sequence > record.job.produced && phase !== 'quarantined')
    turn.fault = 'goes on although the control plane holds more';
}

function onFinishedAck(turn: Turn, frame: { id: Id; head: Digest }): void {
  const next = turn.setting.rules.agent.onFinishedAck(turn.record(frame.id)?.job, frame.head);
  if (next === null) return;
  turn.putJob(frame.id, next);
  turn.memory = { ...turn.memory, finishDue: replaceAt(turn.memory.finishDue, frame.id, false) };
}

function onCancel(turn: Turn, id: Id): void {
  const record = turn.record(id);
  const { next, replies } = turn.setting.rules.agent.onCancel(record?.job, startHead(turn.setting, id));
  if (record !== null || !turn.setting.broken.has('tombstones are stored')) turn.putJob(id, next);
  turn.refused = charAt(turn.refused, id, 'x');
  turn.reply(id, next, replies);
}

/** One row ends with these entries, committed together. */
export function endRow(setting: Setting, world: World, id: Id, row: number, lines: string): World {
  const record = world.disk.jobs[id];
  if (!record) return world;
  const head = chainAllOf(setting, record.job.head, lines);
  const job = setting.rules.agent.onEntries(record.job, { count: lines.length, head, endedRows: 1 });
  const next = { ...record, job, log: record.log + lines, rows: charAt(record.rows, row, 'e') };
  const due = job.phase === 'finished' && record.job.phase === 'accepted';
  const { memory } = world;
  return {
    ...world,
    disk: { ...world.disk, jobs: replaceAt(world.disk.jobs, id, next) },
    memory: {
      ...memory,
      running: replaceAt(memory.running, id, charAt(memory.running[id] ?? '', row, '.')),
      finishDue: due ? replaceAt(memory.finishDue, id, true) : memory.finishDue,
    },
  };
}

function chainAllOf(setting: Setting, head: Digest, lines: string): Digest {
  return setting.rules.chain.chainAll(textHashing, head, Array.from(lines));
}
