// The named codes that this side closes a socket with (RFC 6455 section 7.4.2: 4000 to 4999 are the application's own).
// The reason text of the close frame is always an error code of the protocol.
import type { ErrorCode } from '../protocol/error-codes.ts';

export const closeCodes = {
  /** A newer session of the same agent took over, or its identity was paired anew. */
  session_replaced: 4001,
  agent_revoked: 4003,
  /** The reason names the fault; a reconnect starts from a clean state. */
  protocol_error: 4004,
  heartbeat_lost: 4005,
  /** RFC 6455: the server stops. */
  going_away: 1001,
} as const;

export type CloseReason =
  | { readonly kind: 'session_replaced' | 'agent_revoked' | 'heartbeat_lost' | 'going_away' }
  | { readonly kind: 'protocol_error'; readonly code: ErrorCode };

export function closeText(reason: CloseReason): string {
  return reason.kind === 'protocol_error' ? reason.code : reason.kind;
}
