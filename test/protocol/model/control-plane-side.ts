// The control plane's program around control-plane-job.ts, as the model runs it.
import type { Step } from './explorer.ts';
import {
  type ControlPlaneDisk,
  type Down,
  type Id,
  type Setting,
  type Up,
  type View,
  type World,
  ids,
  startHead,
  textHashing,
  tokenOf,
} from './world.ts';

export interface Answered {
  readonly cp: ControlPlaneDisk;
  readonly down: readonly Down[];
  readonly close: boolean;
  readonly fault: string | null;
}

export function handleAtControlPlane(setting: Setting, world: World, frame: Up): Answered {
  const answered = handle(setting, world, frame);
  const before = world.cp.job;
  if (before.phase === 'finished' && answered.cp.job.phase !== 'finished')
    return { ...answered, fault: 'a finished job stays finished' };
  if ((before.cancelRequested || before.phase === 'accepted') && answered.down.some(({ kind }) => kind === 'job'))
    return { ...answered, fault: 'a cancelled or accepted job is not dispatched again' };
  return answered;
}

function handle(setting: Setting, world: World, frame: Up): Answered {
  const { cp } = world;
  const same: Answered = { cp, down: [], close: false, fault: null };
  if (frame.kind === 'hello') return onHello(setting, world, frame);
  if (frame.id !== cp.id) return same;
  const machine = setting.rules.controlPlane;
  switch (frame.kind) {
    case 'accepted': {
      const job = machine.onAccepted(cp.job, frame.digest);
      if (job === null) return same;
      const owed = job.cancelRequested || travelsWhole(setting) ? [] : rowsFrom(setting, cp.id, 0);
      return { ...same, cp: { ...cp, job }, down: owed };
    }
    case 'rejected': {
      const job = machine.onRejected(cp.job, frame.digest, 'action_not_allowed');
      return job === null ? same : { ...same, cp: { ...cp, job } };
    }
    case 'quarantined': {
      const job = machine.onQuarantined(cp.job, 'journal_rolled_back');
      return job === null ? same : { ...same, cp: { ...cp, job } };
    }
    case 'request':
      return { ...same, down: rowsFrom(setting, cp.id, frame.chunk) };
    case 'results':
      return onResults(setting, world, frame);
    case 'finished': {
      const job = machine.onFinished(cp.job, { tokenDigest: frame.digest, lastSequence: frame.last, head: frame.head });
      if (job === null) return same;
      const byTombstone = cp.byTombstone || frame.digest === null;
      return { ...same, cp: { ...cp, job, byTombstone }, down: [{ kind: 'finished.ack', id: cp.id, head: job.head }] };
    }
    default:
      return frame satisfies never;
  }
}

function onHello(setting: Setting, world: World, frame: Up & { kind: 'hello' }): Answered {
  const { cp } = world;
  const held = frame.held[cp.id] ?? undefined;
  const expired = cp.id === 0 && world.ghost.expired;
  const decision = setting.rules.controlPlane.onHello(cp.job, held, { expired });
  const views = ids.map((id): View | null =>
    id === cp.id && (cp.job.phase === 'accepted' || held !== undefined)
      ? { sequence: cp.job.stored, head: cp.job.head, cancel: cp.job.cancelRequested }
      : null,
  );
  const welcome: Down = { kind: 'welcome', views };
  const answer = { cp, down: [welcome], close: false, fault: null };
  switch (decision.kind) {
    case 'nothing':
      return answer;
    case 'send_token':
      return { ...answer, down: [welcome, ...tokenFrames(setting, cp.id)] };
    case 'send_cancel':
      return { ...answer, down: [welcome, { kind: 'cancel', id: cp.id }] };
    case 'send_rows':
      return {
        ...answer,
        cp: { ...cp, job: decision.next },
        down: [welcome, ...rowsFrom(setting, cp.id, decision.from)],
      };
    case 'requeue': {
      if (cp.id === 1) return { ...answer, down: [welcome, ...tokenFrames(setting, 1)] };
      return {
        ...answer,
        cp: { ...cp, id: 1, job: setting.rules.controlPlane.queuedJob(startHead(setting, 1)), log: '' },
      };
    }
    default:
      return decision satisfies never;
  }
}

function onResults(setting: Setting, world: World, frame: Up & { kind: 'results' }): Answered {
  const { cp } = world;
  const { rules } = setting;
  const lines = Array.from(frame.lines);
  const decision = rules.controlPlane.onResults(
    cp.job,
    { firstSequence: frame.first, count: lines.length, head: frame.head, afterLoss: frame.afterLoss ?? undefined },
    (head, skip) => rules.chain.chainAll(textHashing, head, lines.slice(skip)),
  );
  if (decision.kind === 'broken') {
    const fault = world.ghost.tampered ? null : `results of an honest agent are ${decision.code}`;
    return { cp, down: [], close: !setting.broken.has('broken results close the link'), fault };
  }
  if (decision.kind === 'known')
    return {
      cp,
      down: [{ kind: 'ack', id: cp.id, sequence: cp.job.stored, head: cp.job.head }],
      close: false,
      fault: null,
    };
  const stored = {
    ...cp,
    job: decision.next,
    log: cp.log + lines.slice(decision.skip).join(''),
    lossKnown: cp.lossKnown || decision.lost > 0,
  };
  const { stored: sequence, head } = decision.next;
  return { cp: stored, down: [{ kind: 'ack', id: cp.id, sequence, head }], close: false, fault: null };
}

/** Rows that are one chunk go right behind their token. */
const travelsWhole = ({ rows }: Setting): boolean => rows === 1;

function tokenFrames(setting: Setting, id: Id): Down[] {
  const rows = travelsWhole(setting) ? rowsFrom(setting, id, 0) : [];
  return [{ kind: 'job', id, digest: tokenOf(id) }, ...rows];
}

/** Row chunks are pushed in order; a request starts again from the chunk it names. */
function rowsFrom(setting: Setting, id: Id, from: number): Down[] {
  const frames: Down[] = [];
  for (let chunk = from; chunk < setting.rows; chunk += 1) frames.push({ kind: 'rows', id, chunk, signed: true });
  return frames;
}

export function controlPlaneSteps(setting: Setting, world: World): Step<World>[] {
  const { cp, link, budget } = world;
  const steps: Step<World>[] = [];
  const send = (...frames: Down[]): World['link'] =>
    link?.greeted ? { ...link, down: [...link.down, ...frames] } : link;
  const dispatched = link?.greeted ? setting.rules.controlPlane.onDispatch(cp.job, tokenOf(cp.id)) : null;
  if (dispatched !== null) {
    const next = { ...cp, job: dispatched };
    const sent = send(...tokenFrames(setting, cp.id));
    steps.push({ label: 'control plane sends the token', to: { ...world, cp: next, link: sent }, fault: false });
    if (budget.controlPlaneCrashes > 0)
      steps.push({
        label: 'control plane stores the token and crashes',
        to: controlPlaneCrash({ ...world, cp: next }),
        fault: true,
      });
  }
  if (budget.cancels > 0) {
    const { next, send: tell } = setting.rules.controlPlane.onCancelRequest(cp.job);
    if (next !== cp.job)
      steps.push({
        label: 'operator cancels',
        to: {
          ...world,
          cp: { ...cp, job: next },
          link: tell ? send({ kind: 'cancel', id: cp.id }) : link,
          budget: { ...budget, cancels: budget.cancels - 1 },
        },
        fault: true,
      });
  }
  return steps;
}

/** The process ends: its sockets with it, and what they held. */
export function controlPlaneCrash(world: World): World {
  return {
    ...world,
    link: null,
    stale: null,
    memory: { ...world.memory, welcomed: false },
    budget: { ...world.budget, controlPlaneCrashes: world.budget.controlPlaneCrashes - 1 },
  };
}
