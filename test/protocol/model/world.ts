// One state of the job model: what both ends have on disk, what they have in memory, what is on the wire, and what only the observer knows.
// Values are immutable; a step makes a new world.
import type { AgentJob } from '../../../protocol/agent-job.ts';
import type { ControlPlaneJob } from '../../../protocol/control-plane-job.ts';
import type { Hashing } from '../../../protocol/hashing.ts';
import type { Digest, JobId } from '../../../protocol/ids.ts';
import type { Rules } from './rules.ts';

/** The same work under its first id (0) and, after a requeue, its second (1). */
export type Id = 0 | 1;
export const ids: readonly Id[] = [0, 1];

export type Up =
  | { readonly kind: 'hello'; readonly held: readonly (Held | null)[] }
  | { readonly kind: 'accepted'; readonly id: Id; readonly digest: Digest }
  | { readonly kind: 'rejected'; readonly id: Id; readonly digest: Digest }
  | { readonly kind: 'quarantined'; readonly id: Id }
  | { readonly kind: 'request'; readonly id: Id; readonly chunk: number }
  | {
      readonly kind: 'results';
      readonly id: Id;
      readonly first: number;
      readonly lines: string;
      readonly head: Digest;
      readonly afterLoss: Digest | null;
    }
  | {
      readonly kind: 'finished';
      readonly id: Id;
      readonly digest: Digest | null;
      readonly last: number;
      readonly head: Digest;
    };

export interface Held {
  readonly tokenDigest: Digest | null;
  readonly nextChunk: number | null;
}

export type Down =
  | { readonly kind: 'welcome'; readonly views: readonly (View | null)[] }
  | { readonly kind: 'job'; readonly id: Id; readonly digest: Digest }
  | { readonly kind: 'rows'; readonly id: Id; readonly chunk: number; readonly signed: boolean }
  | { readonly kind: 'ack'; readonly id: Id; readonly sequence: number; readonly head: Digest }
  | { readonly kind: 'finished.ack'; readonly id: Id; readonly head: Digest }
  | { readonly kind: 'cancel'; readonly id: Id };

export interface View {
  readonly sequence: number;
  readonly head: Digest;
  readonly cancel: boolean;
}

/** A job on the host's disk. `log` holds one character an entry; `rows` one a row: '.' not begun, 'i' intent recorded, 'e' ended. */
export interface AgentRecord {
  readonly job: AgentJob;
  readonly log: string;
  readonly rows: string;
  /** False when a stored row chunk is not the signed one. */
  readonly signed: boolean;
}

export interface AgentDisk {
  readonly counter: number;
  readonly jobs: readonly (AgentRecord | null)[];
}

/** What the agent's process knows and a crash forgets. */
export interface AgentMemory {
  /** A welcome came since the process started. */
  readonly resumed: boolean;
  /** A welcome came on this link. */
  readonly welcomed: boolean;
  /** Rows under way, one character a row: 'r' or '.'. */
  readonly running: readonly string[];
  readonly sent: readonly number[];
  readonly afterLoss: readonly boolean[];
  readonly finishDue: readonly boolean[];
}

export interface ControlPlaneDisk {
  readonly counter: number;
  /** A session presented a counter that was not larger: nothing is dispatched until an operator clears it. */
  readonly blocked: boolean;
  readonly id: Id;
  readonly job: ControlPlaneJob;
  readonly log: string;
  /** Finished by the tombstone of a cancel that came before the token (for the observer; not part of the protocol). */
  readonly byTombstone: boolean;
  /** Entries were recorded as lost. */
  readonly lossKnown: boolean;
}

export interface Link {
  readonly counter: number;
  readonly greeted: boolean;
  readonly up: readonly Up[];
  readonly down: readonly Down[];
}

export interface Stale {
  readonly counter: number;
  /** A newer session was admitted since. */
  readonly superseded: boolean;
  readonly up: readonly Up[];
}

export interface Budget {
  readonly losses: number;
  readonly agentCrashes: number;
  readonly controlPlaneCrashes: number;
  readonly snapshots: number;
  readonly rollbacks: number;
  readonly cancels: number;
  readonly expiries: number;
  readonly duplicates: number;
  readonly swaps: number;
  readonly corruptions: number;
  readonly forgeries: number;
  readonly lostResults: number;
  readonly replays: number;
}

/** What the observer knows. */
interface Ghost {
  readonly effects: string;
  /** Tag of the content that calls return: it changes when the journal goes back, as the second answer is another one. */
  readonly epoch: 0 | 1;
  /** The journal went back and the control plane held nothing newer: no protocol can see that. */
  readonly unseenRollback: boolean;
  readonly rolledBack: boolean;
  readonly resultsLost: boolean;
  readonly tampered: boolean;
  /** A frame was changed in a way that only a new link mends. */
  readonly misled: boolean;
  /** The token of id 0 cannot be accepted any more. */
  readonly expired: boolean;
  /** One character an id: 'x' when the host has taken a cancel or said that it rejects. */
  readonly refused: string;
  readonly fault: string | null;
}

export interface World {
  readonly disk: AgentDisk;
  readonly memory: AgentMemory;
  readonly snapshot: AgentDisk | null;
  readonly cp: ControlPlaneDisk;
  readonly link: Link | null;
  /** Frames of an ended link that are still on their way to the control plane. */
  readonly stale: Stale | null;
  /** Frames of an ended link that are still on their way to the agent; kept only when the agent has the bad habit of reading them. */
  readonly staleDown: readonly Down[];
  readonly budget: Budget;
  readonly ghost: Ghost;
}

/** Rules of conduct that are not in the pure machines; each can be broken to see that the model notices. */
export type Habit =
  | 'agent commits before it replies'
  | 'rows wait for the first welcome'
  | 'intent before effect'
  | 'a row with an intent is not repeated'
  | 'refusals are stored'
  | 'tombstones are stored'
  | 'control plane commits before it acks'
  | 'counter is raised on disk before the dial'
  | 'a reused counter blocks until cleared'
  | 'stale links are not read by the agent'
  | 'an empty results frame reports the loss'
  | 'broken results close the link';

export interface Setting {
  readonly rules: Rules;
  readonly rows: number;
  /** The host's policy may refuse, or change its mind between two copies of a token. */
  readonly mayReject: boolean;
  /** The host's clock is behind: it accepts tokens that the control plane counts as expired. */
  readonly slowClock: boolean;
  readonly broken: ReadonlySet<Habit>;
}

/** Injective and cheap: the text itself, without what is the same in all of them. */
export const textHashing: Hashing = {
  sha256: (text) => text.replace('iam-agent.v1 results ', '').replace('\n', '') as Digest,
  hmacSha256: (key, text) => `${key}${text}` as Digest,
};

export function startHead(setting: Setting, id: Id): Digest {
  return setting.rules.chain.chainStart(textHashing, `${id}` as JobId);
}

export function tokenOf(id: Id): Digest {
  return `t${id}` as Digest;
}

export function freshMemory(rows: number): AgentMemory {
  const running = '.'.repeat(rows);
  return {
    resumed: false,
    welcomed: false,
    running: [running, running],
    sent: [0, 0],
    afterLoss: [false, false],
    finishDue: [false, false],
  };
}

const noFaults: Budget = {
  losses: 0,
  agentCrashes: 0,
  controlPlaneCrashes: 0,
  snapshots: 0,
  rollbacks: 0,
  cancels: 0,
  expiries: 0,
  duplicates: 0,
  swaps: 0,
  corruptions: 0,
  forgeries: 0,
  lostResults: 0,
  replays: 0,
};

export function initialWorld(setting: Setting, budget: Partial<Budget>): World {
  return {
    disk: { counter: 0, jobs: [null, null] },
    memory: freshMemory(setting.rows),
    snapshot: null,
    cp: {
      counter: 0,
      blocked: false,
      id: 0,
      job: setting.rules.controlPlane.queuedJob(startHead(setting, 0)),
      log: '',
      byTombstone: false,
      lossKnown: false,
    },
    link: null,
    stale: null,
    staleDown: [],
    budget: { ...noFaults, ...budget },
    ghost: {
      effects: '0'.repeat(setting.rows),
      epoch: 0,
      unseenRollback: false,
      rolledBack: false,
      resultsLost: false,
      tampered: false,
      misled: false,
      expired: false,
      refused: '..',
      fault: null,
    },
  };
}

export function replaceAt<T>(list: readonly T[], index: number, value: T): readonly T[] {
  return list.map((old, at) => (at === index ? value : old));
}

export function charAt(text: string, index: number, value: string): string {
  return `${text.slice(0, index)}${value}${text.slice(index + 1)}`;
}
