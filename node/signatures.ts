// The signature port on OpenSSL: 25 µs to sign, 80 µs to verify, and no other thread.
import { createPrivateKey, createPublicKey, sign, verify } from 'node:crypto';
import type { PrivateKey } from '../protocol/jws.ts';
import type { Sign, Verify } from '../protocol/signatures.ts';

export function signerOf(key: PrivateKey): Sign {
  const held = createPrivateKey({ key, format: 'jwk' });
  return (bytes) => sign(null, bytes, held);
}

export const nodeVerify: Verify = ({ x }, bytes, signature) => {
  try {
    return verify(null, bytes, createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' }), signature);
  } catch {
    return false;
  }
};
