// Why a socket is closed: WebSocket close codes (RFC 6455 section 7.4.2 leaves 4000 to 4999 to applications). The reason text of the close
// frame is an error code of the protocol.

export const closeCodes = {
  /** RFC 6455: the side that closes stops, or asks for a reconnect. */
  going_away: 1001,
  /** A newer session of the same agent took over, or its identity was paired anew. */
  session_replaced: 4001,
  agent_revoked: 4003,
  /** The reason names the fault; a reconnect starts from a clean state. */
  protocol_error: 4004,
  heartbeat_lost: 4005,
} as const;
