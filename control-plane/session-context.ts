// What every part of one agent's session works with, and what handling a frame can come to.
import type { ErrorCode } from '../protocol/error-codes.ts';
import type { AgentId, JobId, KeyId } from '../protocol/ids.ts';
import type { PublicKey } from '../protocol/jws.ts';
import type { EventSink } from './events.ts';
import type { JobWatch } from './job-watch.ts';
import type { SigningKeys } from './keys.ts';
import type { Link } from './link.ts';
import type { Store } from './store/store.ts';

export interface SessionDeps {
  readonly store: Store;
  readonly keys: SigningKeys;
  readonly watch: JobWatch;
  readonly emit: EventSink;
  readonly now: () => number;
  readonly newJobId: () => JobId;
  readonly heartbeatMs: number;
}

export interface SessionIdentity {
  readonly agent: AgentId;
  readonly keyId: KeyId;
  readonly key: PublicKey;
  readonly counter: number;
}

export interface SessionContext extends SessionDeps {
  readonly identity: SessionIdentity;
  readonly link: Link;
}

export type FrameOutcome =
  | { readonly kind: 'done' }
  /** Harmless and without effect: counted. */
  | { readonly kind: 'ignored'; readonly code: ErrorCode }
  /** Against the protocol: the second one closes the link. */
  | { readonly kind: 'bad'; readonly code: ErrorCode }
  /** The link is closed at once, and the reconnect heals. */
  | { readonly kind: 'broken'; readonly code: ErrorCode }
  /** Another session speaks for the agent now: nothing was written. */
  | { readonly kind: 'stale' };

export const done: FrameOutcome = { kind: 'done' };
export const stale: FrameOutcome = { kind: 'stale' };
/** No job of this agent has this id; whether another agent's has is not said. */
export const unknownJob: FrameOutcome = { kind: 'ignored', code: 'not_found' };
