// Why this side closes a socket, and the reason text that goes with it.
import type { ErrorCode } from '../protocol/error-codes.ts';

export type CloseReason =
  | { readonly kind: 'session_replaced' | 'agent_revoked' | 'heartbeat_lost' | 'going_away' }
  | { readonly kind: 'protocol_error'; readonly code: ErrorCode };

export function closeText(reason: CloseReason): string {
  return reason.kind === 'protocol_error' ? reason.code : reason.kind;
}
