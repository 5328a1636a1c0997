// What Node's errors of a connection, and of a request that it does not make, are as the end of an exchange.
import type { TransportCode } from '../iam/iam-caller.ts';
import type { ExchangeEnd } from './raw-response.ts';

// A certificate's fault has a name of OpenSSL's, all others start like this.
const certificateFault = /CERT|ISSUER|SIGNATURE|CRL|CHAIN|SELF_SIGNED|HOSTNAME_MISMATCH/;
export function isTlsFault(code: string): boolean {
  return code.startsWith('ERR_TLS') || code.startsWith('ERR_SSL') || code === 'EPROTO' || certificateFault.test(code);
}

/** `sent`: the other side may have read the request. */
export function directFault(code: string, sent: boolean): TransportCode {
  if (isTlsFault(code)) return 'tls';
  if (sent || code === 'ECONNRESET') return 'closed';
  return code === 'ETIMEDOUT' ? 'connect_timeout' : 'connect';
}

/** A header or a path that HTTP does not take; the error's message may quote it. */
export function notMade(error: unknown): ExchangeEnd {
  return { kind: 'failed', code: 'request', detail: error instanceof Error ? error.name : 'unknown', sent: false };
}
