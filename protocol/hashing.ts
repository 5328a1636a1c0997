// The hashing port. WebCrypto would do, but only asynchronously, and a chain step inside a transaction must not wait.
import type { Digest } from './ids.ts';

export interface Hashing {
  /** SHA-256 of the text's UTF-8 bytes, lower-case hexadecimal. */
  sha256(text: string): Digest;
  /** HMAC-SHA-256 (RFC 2104) with the key's UTF-8 bytes, lower-case hexadecimal. */
  hmacSha256(key: string, text: string): Digest;
}
