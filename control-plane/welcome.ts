// `hello` to `welcome`: what the agent says it holds is laid beside what is stored here, and what this session owes each job follows from the
// protocol's reducer. Everything is committed before the welcome is sent.
import { type HelloDecision, onHello } from '../protocol/control-plane-job.ts';
import type { StoredView } from '../protocol/frames-to-agent.ts';
import { type FrameToControlPlane, type HeldView, offeredConnections } from '../protocol/frames-to-control-plane.ts';
import { protocolVersion } from '../protocol/version.ts';
import { type Dispatch, requeue, tokenExpired } from './dispatch.ts';
import { type FrameOutcome, type SessionContext, done, stale } from './session-context.ts';
import { saveHello, speaking } from './store/agents.ts';
import { type JobRow, jobsByWireIds, saveState, stateOf, unfinishedJobs } from './store/jobs.ts';
import type { Queries } from './store/store.ts';

type Hello = Extract<FrameToControlPlane, { type: 'hello' }>;

export async function welcome(context: SessionContext, dispatch: Dispatch, hello: Hello): Promise<FrameOutcome> {
  const { store, keys, link, now, emit, identity } = context;
  if (hello.protocol !== protocolVersion || hello.session !== identity.counter)
    return { kind: 'broken', code: 'frame_unexpected' };
  const steps = await keys.stepsAfter(hello.key_set_version);
  const met = await store.transaction(async (tx) => {
    if ((await speaking(tx, identity.agent, identity.counter)) === null) return null;
    await saveHello(tx, identity.agent, {
      version: hello.agent_version,
      connections: offeredConnections(hello),
      nowMs: now(),
    });
    return meet(context, tx, hello.jobs);
  });
  if (met === null) return stale;
  link.send({
    type: 'welcome',
    protocol: protocolVersion,
    server_time: new Date(now()).toISOString(),
    heartbeat_ms: context.heartbeatMs,
    key_set_steps: steps.slice(0, 64),
    jobs: met.views,
  });
  emit('session.welcomed', { agent: identity.agent, session: identity.counter, count: met.views.length });
  for (const { job, decision } of met.owed) owe(context, dispatch, job, decision);
  dispatch.pump();
  return done;
}

interface Met {
  readonly views: StoredView[];
  readonly owed: readonly { readonly job: JobRow; readonly decision: HelloDecision }[];
}

async function meet(context: SessionContext, tx: Queries, held: readonly HeldView[]): Promise<Met> {
  const { identity, now } = context;
  const heldById = new Map(held.map((view) => [view.job, view]));
  const unfinished = await unfinishedJobs(tx, identity.agent);
  const owed: { job: JobRow; decision: HelloDecision }[] = [];
  for (const job of unfinished) {
    const view = heldById.get(job.wire_id);
    const expired = tokenExpired(job, now());
    const decision = onHello(stateOf(job), view && { tokenDigest: view.token_digest, nextChunk: view.next_chunk }, {
      expired,
    });
    owed.push({ job, decision });
    await commitDecision(context, tx, job, decision);
  }
  const accepted = owed.filter(({ job, decision }) => job.phase === 'accepted' || decision.kind === 'send_rows');
  const views = new Map(accepted.map(({ job }) => [job.wire_id, viewOf(job)]));
  for (const job of await jobsByWireIds(tx, identity.agent, [...heldById.keys()])) views.set(job.wire_id, viewOf(job));
  return { views: [...views.values()], owed };
}

async function commitDecision(
  context: SessionContext,
  tx: Queries,
  job: JobRow,
  decision: HelloDecision,
): Promise<void> {
  const { emit, now, newJobId, identity } = context;
  if (decision.kind === 'send_rows' && job.phase !== decision.next.phase)
    await saveState(tx, job, decision.next, { nowMs: now() });
  if (decision.kind === 'requeue') {
    await requeue(tx, job, newJobId(), now());
    emit('job.requeued', { job: job.id, agent: identity.agent });
  }
}

function owe(context: SessionContext, dispatch: Dispatch, job: JobRow, decision: HelloDecision): void {
  switch (decision.kind) {
    case 'send_token':
      return dispatch.resend(job.id);
    case 'send_cancel':
      return context.link.send({ type: 'cancel', job: job.wire_id });
    case 'send_rows':
      return dispatch.pushRows(job, decision.from);
    case 'requeue':
    case 'nothing':
      return;
    default:
      decision satisfies never;
  }
}

function viewOf(job: JobRow): StoredView {
  return { job: job.wire_id, last_sequence: job.stored, head: job.head, cancel: job.cancel_requested === 1 };
}
