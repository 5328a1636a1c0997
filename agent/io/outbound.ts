// How this host reaches others: custom CA, proxy and verification in one place, so that pairing, the link and the calls to AWS take the same
// path. A proxy comes from the configuration, else from HTTPS_PROXY, HTTP_PROXY and NO_PROXY.
import { readFile } from 'node:fs/promises';
import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import { rootCertificates } from 'node:tls';
import { isLoopback } from '../config/findings.ts';

export interface Outbound {
  /** PEM file with authorities to trust besides the public ones. */
  readonly caFile?: string | undefined;
  readonly proxy?: string | undefined;
  readonly verifySsl: boolean;
}

export interface OutboundAgents {
  readonly http: HttpAgent;
  readonly https: HttpAgent;
}

const proxyVariables = ['HTTPS_PROXY', 'https_proxy', 'HTTP_PROXY', 'http_proxy', 'ALL_PROXY', 'all_proxy'];

/** @throws when the CA file cannot be read. */
export async function outboundAgents(outbound: Outbound, options: { keepAlive: boolean }): Promise<OutboundAgents> {
  const { caFile, proxy, verifySsl } = outbound;
  const tls = {
    rejectUnauthorized: verifySsl,
    ...(caFile === undefined ? {} : { ca: [...rootCertificates, await readFile(caFile, 'utf8')] }),
  };
  const { keepAlive } = options;
  if (proxy === undefined && proxyVariables.every((name) => !process.env[name])) {
    return { http: new HttpAgent({ keepAlive }), https: new HttpsAgent({ keepAlive, ...tls }) };
  }
  // Loaded only where a proxy is in the way: it brings a dozen modules.
  const { ProxyAgent } = await import('proxy-agent');
  // What runs on this host is not reached through a proxy.
  const chosen = { getProxyForUrl: (url: string) => (isLoopback(new URL(url)) ? '' : (proxy ?? '')) };
  const proxied = new ProxyAgent({ keepAlive, ...tls, ...(proxy === undefined ? {} : chosen) });
  return { http: proxied, https: proxied };
}
