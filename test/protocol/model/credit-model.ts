// Flow control as a model of its own: two jobs, their row chunks, an agent with little room, and a link that loses, doubles and swaps.
import type { Credit } from '../../../protocol/credit.ts';
import type { Model, Step } from './explorer.ts';
import type { Rules } from './rules.ts';

interface JobFlow {
  readonly accepted: boolean;
  /** Chunks sent on this link, stored at the agent, and used up there. */
  readonly pushed: number;
  readonly stored: number;
  readonly used: number;
}

type DownFrame = { readonly job: number; readonly chunk: number | null };

interface Flow {
  readonly jobs: readonly JobFlow[];
  readonly dispatched: readonly boolean[];
  readonly granted: Credit;
  readonly sent: Credit;
  readonly received: Credit;
  readonly told: Credit | null;
  readonly up: readonly Credit[];
  readonly down: readonly DownFrame[];
  readonly losses: number;
  readonly duplicates: number;
  readonly swaps: number;
  readonly fault: string | null;
}

export interface FlowBounds {
  readonly jobs: number;
  readonly chunks: number;
  readonly room: Credit;
  readonly losses: number;
  readonly duplicates: number;
  readonly swaps: number;
}

const used = (flow: Flow, chunks: number): number =>
  flow.jobs.filter((job) => job.accepted && job.used < chunks).length;
const held = (flow: Flow): number => flow.jobs.reduce((sum, job) => sum + job.stored - job.used, 0);
const change = (flow: Flow, at: number, next: Partial<JobFlow>): readonly JobFlow[] =>
  flow.jobs.map((job, index) => (index === at ? { ...job, ...next } : job));

export function creditModel(rules: Rules, bounds: FlowBounds): Model<Flow> {
  const { noCredit } = rules.credit;
  const initial: Flow = {
    jobs: Array.from({ length: bounds.jobs }, () => ({ accepted: false, pushed: 0, stored: 0, used: 0 })),
    dispatched: Array.from({ length: bounds.jobs }, () => false),
    granted: noCredit,
    sent: noCredit,
    received: noCredit,
    told: null,
    up: [],
    down: [],
    losses: bounds.losses,
    duplicates: bounds.duplicates,
    swaps: bounds.swaps,
    fault: null,
  };
  return {
    initial,
    key: (flow) => JSON.stringify(Object.values(flow)),
    steps: (flow) => [
      ...agentFlow(rules, bounds, flow),
      ...controlPlaneFlow(rules, bounds, flow),
      ...linkFlow(rules, flow),
    ],
    broken: (flow) => {
      if (flow.fault !== null) return flow.fault;
      if (held(flow) > bounds.room.chunks) return 'more row chunks than there is room for';
      return used(flow, bounds.chunks) > bounds.room.jobs ? 'more jobs than there is room for' : null;
    },
    terminal: (flow) => flow.jobs.every((job) => job.accepted && job.used === bounds.chunks),
  };
}

function agentFlow(rules: Rules, bounds: FlowBounds, flow: Flow): Step<Flow>[] {
  const steps: Step<Flow>[] = [];
  const room = { jobs: bounds.room.jobs - used(flow, bounds.chunks), chunks: bounds.room.chunks - held(flow) };
  const told = rules.credit.grant(flow.received, room);
  if (told.jobs !== flow.told?.jobs || told.chunks !== flow.told.chunks) {
    const bare = told.jobs - flow.received.jobs > room.chunks ? 'a job is granted without room for a chunk' : null;
    steps.push({
      label: 'agent tells credit',
      to: { ...flow, told, up: [...flow.up, told], fault: bare },
      fault: false,
    });
  }
  for (const [at, job] of flow.jobs.entries())
    if (job.used < job.stored)
      steps.push({
        label: `agent uses a chunk of job ${at}`,
        to: { ...flow, jobs: change(flow, at, { used: job.used + 1 }) },
        fault: false,
      });
  const [frame, ...down] = flow.down;
  if (frame === undefined) return steps;
  const { received } = flow;
  const to: Flow =
    frame.chunk === null
      ? {
          ...flow,
          down,
          received: { ...received, jobs: received.jobs + 1 },
          jobs: change(flow, frame.job, { accepted: true }),
        }
      : {
          ...flow,
          down,
          received: { ...received, chunks: received.chunks + 1 },
          jobs: change(flow, frame.job, { stored: frame.chunk + 1 }),
        };
  steps.push({ label: `agent takes ${frame.chunk === null ? 'job' : 'rows'} ${frame.job}`, to, fault: false });
  return steps;
}

function controlPlaneFlow(rules: Rules, bounds: FlowBounds, flow: Flow): Step<Flow>[] {
  const steps: Step<Flow>[] = [];
  const may = rules.credit.remaining(flow.granted, flow.sent);
  for (const [at, job] of flow.jobs.entries()) {
    if (!job.accepted && flow.dispatched[at] === false && may.jobs > 0) {
      const dispatched = flow.dispatched.map((old, index) => old || index === at);
      const to = {
        ...flow,
        dispatched,
        sent: { ...flow.sent, jobs: flow.sent.jobs + 1 },
        down: [...flow.down, { job: at, chunk: null }],
      };
      steps.push({ label: `control plane sends job ${at}`, to, fault: false });
    }
    if (job.accepted && job.pushed < bounds.chunks && may.chunks > 0) {
      const sent = { ...flow.sent, chunks: flow.sent.chunks + 1 };
      const to = {
        ...flow,
        sent,
        jobs: change(flow, at, { pushed: job.pushed + 1 }),
        down: [...flow.down, { job: at, chunk: job.pushed }],
      };
      steps.push({ label: `control plane sends rows of job ${at}`, to, fault: false });
    }
  }
  return steps;
}

function linkFlow(rules: Rules, flow: Flow): Step<Flow>[] {
  const steps: Step<Flow>[] = [];
  const [first, second, ...rest] = flow.up;
  if (first !== undefined) {
    const granted = rules.credit.onCredit(flow.granted, first);
    steps.push({ label: 'control plane takes credit', to: { ...flow, granted, up: flow.up.slice(1) }, fault: false });
    if (flow.duplicates > 0)
      steps.push({
        label: 'credit is doubled',
        to: { ...flow, duplicates: flow.duplicates - 1, up: [...flow.up, first] },
        fault: true,
      });
    if (second !== undefined && flow.swaps > 0)
      steps.push({
        label: 'credit is overtaken',
        to: { ...flow, swaps: flow.swaps - 1, up: [second, first, ...rest] },
        fault: true,
      });
  }
  if (flow.losses > 0)
    steps.push({
      label: 'link is lost, a new one begins',
      to: {
        ...flow,
        jobs: flow.jobs.map((job) => ({ ...job, pushed: job.stored })),
        dispatched: flow.jobs.map(() => false),
        granted: rules.credit.noCredit,
        sent: rules.credit.noCredit,
        received: rules.credit.noCredit,
        told: null,
        up: [],
        down: [],
        losses: flow.losses - 1,
      },
      fault: true,
    });
  return steps;
}
