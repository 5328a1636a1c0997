// The signature port: Ed25519 (RFC 8032) on the calling thread. WebCrypto, which jws.ts uses without it, only has it in another one, and on a
// busy machine a thread takes longer to wake than a signature takes; and what is signed within a transaction must not wait.

/** Signs with a key that only its maker holds. */
export type Sign = (bytes: Uint8Array) => Uint8Array;

/** False also for a key or signature that is none. */
export type Verify = (key: { readonly x: string }, bytes: Uint8Array, signature: Uint8Array) => boolean;
