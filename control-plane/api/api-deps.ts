// What the routes work with.
import type { EventSink } from '../events.ts';
import type { Gateway } from '../gateway.ts';
import type { JobWatch } from '../job-watch.ts';
import type { SigningKeys } from '../keys.ts';
import type { JobId } from '../../protocol/ids.ts';
import type { Store } from '../store/store.ts';

export interface ApiDeps {
  readonly store: Store;
  readonly keys: SigningKeys;
  readonly gateway: Gateway;
  readonly watch: JobWatch;
  readonly emit: EventSink;
  readonly now: () => number;
  readonly newJobId: () => JobId;
  /** What agents are told to dial. */
  readonly publicUrl: () => string;
  readonly keepAliveMs: number;
  /** Aborts when the server stops: open result streams end. */
  readonly stopping: AbortSignal;
}
