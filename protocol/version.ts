// The protocol's own version. A peer that speaks another major version is told so and not served.

/** WebSocket subprotocol (RFC 6455 section 1.9), and the version that `hello` and `welcome` carry. */
export const subprotocol = 'iam-agent.v1';
export const protocolVersion = 1;
