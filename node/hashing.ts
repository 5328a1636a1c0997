// The hashing port on OpenSSL: synchronous, because a chain step inside a transaction must not wait.
import { createHmac, hash } from 'node:crypto';
import type { Hashing } from '../protocol/hashing.ts';
import { digestOf } from '../protocol/ids.ts';

export const nodeHashing: Hashing = {
  sha256: (text) => digestOf(hash('sha256', text, 'hex')),
  hmacSha256: (key, text) => digestOf(createHmac('sha256', key).update(text).digest('hex')),
};
