// What a damaged or lying middle could do to frames on a live link: swap, change and forge them. TLS and an honest far end rule these out; the
// machines must hold without them.
import type { Digest } from '../../../protocol/ids.ts';
import { spend, takeDown, takeUp } from './carry.ts';
import type { Step } from './explorer.ts';
import { type Down, type Link, type Setting, type Up, type World, ids, tokenOf } from './world.ts';

const tampered = (world: World): World => ({ ...world, ghost: { ...world.ghost, tampered: true } });

const swappable = new Set(['results results', 'rows rows']);

export function tamper(setting: Setting, world: World, link: Link): Step<World>[] {
  const steps: Step<World>[] = [];
  const { budget } = world;
  for (const lane of ['up', 'down'] as const) {
    const [first, second, ...rest]: readonly (Up | Down)[] = link[lane];
    if (budget.swaps === 0 || first === undefined || second === undefined) continue;
    if (!swappable.has(`${first.kind} ${second.kind}`)) continue;
    const to = tampered({
      ...world,
      link: { ...link, [lane]: [second, first, ...rest] },
      budget: spend(world, 'swaps'),
    });
    steps.push({ label: `${second.kind} overtakes ${first.kind}`, to, fault: true });
  }
  // A cancel has its own lane: it passes the rows behind the token too.
  const cancel = link.down.find(({ kind }) => kind === 'cancel');
  if (budget.swaps > 0 && cancel !== undefined && link.down[0]?.kind === 'job') {
    const down = [cancel, ...link.down.filter((frame) => frame !== cancel)];
    const to = tampered({ ...world, link: { ...link, down }, budget: spend(world, 'swaps') });
    steps.push({ label: 'cancel overtakes job', to, fault: true });
  }
  if (budget.corruptions > 0) steps.push(...corrupt(setting, world, link));
  const known = world.disk.jobs[world.cp.id];
  if (budget.forgeries > 0 && known && world.memory.welcomed) {
    const forged: Down = { kind: 'job', id: world.cp.id, digest: 'forged' as Digest };
    steps.push(
      ...takeDown(
        setting,
        { ...world, budget: spend(world, 'forgeries') },
        forged,
        'agent takes another token with this id',
        true,
      ),
    );
  }
  if (budget.replays > 0 && world.memory.welcomed && (world.cp.id === 1 || world.cp.job.tokenDigest !== null)) {
    const old: Down = { kind: 'job', id: 0, digest: tokenOf(0) };
    steps.push(
      ...takeDown(
        setting,
        { ...world, budget: spend(world, 'replays') },
        old,
        'agent takes a copy of the first token',
        true,
      ),
    );
  }
  return steps;
}

function corrupt(setting: Setting, world: World, link: Link): Step<World>[] {
  const [up, ...restUp] = link.up;
  const [down, ...restDown] = link.down;
  const base = tampered({ ...world, budget: spend(world, 'corruptions') });
  const steps: Step<World>[] = [];
  if (up?.kind === 'results') {
    const frame: Up = { ...up, lines: `#${up.lines.slice(1)}` };
    steps.push(
      ...takeUp(
        setting,
        { ...base, link: { ...link, up: restUp } },
        frame,
        'control plane takes changed results',
        true,
      ),
    );
  }
  if (up !== undefined) steps.push(...mislead(setting, base, { ...link, up: restUp }, up));
  const downward = (frame: Down, label: string): void => {
    steps.push(...takeDown(setting, { ...base, link: { ...link, down: restDown } }, frame, label, true));
  };
  if (down?.kind === 'welcome') {
    const views = down.views.map((view) => (view === null ? null : { ...view, head: 'other' as Digest }));
    downward({ ...down, views }, 'agent takes a welcome of something else');
  }
  if (down?.kind === 'rows') downward({ ...down, signed: false }, 'agent takes changed rows');
  if (down?.kind === 'ack') {
    downward({ ...down, sequence: down.sequence + 2 }, 'agent takes an ack of more');
    const job = world.disk.jobs[down.id]?.job;
    if (job?.phase === 'accepted' || down.sequence < (job?.produced ?? 0))
      downward({ kind: 'finished.ack', id: down.id, head: down.head }, 'agent takes a finished.ack of less');
  }
  return steps;
}

/** Frames that say what is not so. The control plane must not believe them; a new link mends it. */
function mislead(setting: Setting, base: World, link: Link, frame: Up): Step<World>[] {
  const digest = 'forged' as Digest;
  const world: World = { ...base, link, ghost: { ...base.ghost, misled: true } };
  const lies: Up[] = [];
  if (frame.kind === 'hello' && world.disk.jobs[world.cp.id] === null && world.cp.job.phase !== 'queued')
    lies.push({ ...frame, held: ids.map(() => ({ tokenDigest: digest, nextChunk: 0 })) });
  if (frame.kind === 'rejected') lies.push({ kind: 'accepted', id: frame.id, digest });
  if (frame.kind === 'finished') {
    lies.push({ ...frame, digest }, { ...frame, last: frame.last + 1 }, { ...frame, head: 'other' as Digest });
    if (!world.cp.job.cancelRequested) lies.push({ ...frame, digest: null });
  }
  return lies.flatMap((lie) =>
    takeUp(setting, world, lie, `control plane takes a false ${lie.kind}`, true).map((step) => {
      const believed = step.to.cp.job.phase === 'finished' && world.cp.job.phase !== 'finished';
      const fault = believed ? 'a false last word is believed' : step.to.ghost.fault;
      return { ...step, to: { ...step.to, ghost: { ...step.to.ghost, fault } } };
    }),
  );
}
