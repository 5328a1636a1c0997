// What one session works with: the same parts for every link, but for the socket that it speaks on.
import type { FrameToAgent } from '../../protocol/frames-to-agent.ts';
import type { FrameToControlPlane } from '../../protocol/frames-to-control-plane.ts';
import type { Hashing } from '../../protocol/hashing.ts';
import type { EventSink } from '../events.ts';
import type { CallWaits } from '../iam/limiter-snapshot.ts';
import type { FrameOut } from './frame-out.ts';
import type { Jobs } from './jobs.ts';
import type { Journal } from './journal.ts';
import type { TrustStore } from './trust-store.ts';
import type { TrustedTime } from './trusted-time.ts';

export interface SessionPorts {
  readonly jobs: Jobs;
  readonly journal: Journal;
  readonly hashing: Hashing;
  readonly time: TrustedTime;
  readonly trust: TrustStore;
  readonly events: EventSink;
  readonly out: FrameOut;
  /** The hello of this session but for what the jobs say. */
  readonly introduction: Omit<Extract<FrameToControlPlane, { type: 'hello' }>, 'jobs' | 'key_set_version'>;
  /** What the calls of each job wait for at this moment. */
  readonly callWaits: () => ReadonlyMap<string, CallWaits>;
  readonly onWelcome: (welcome: Extract<FrameToAgent, { type: 'welcome' }>) => void;
  readonly onReconnect: (withinMs: number) => void;
  /** Aborted when the process stops: no job is taken, also not by a session that begins meanwhile. */
  readonly drain: AbortSignal;
  /** The journal failed. */
  readonly onFault: (error: unknown) => void;
}
