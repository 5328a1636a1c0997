// How this host reaches others: custom authorities, proxy and verification in one place, so that pairing, the link and the calls to AWS take
// the same path. A proxy comes from the configuration, else from HTTPS_PROXY, HTTP_PROXY and NO_PROXY.
import { readFileSync } from 'node:fs';
import type { Agent } from 'node:http';
import { createSecureContext, rootCertificates, type SecureContext } from 'node:tls';
import { isLoopback } from '../config/findings.ts';

// Not imported: the import of node:http as a module reads all its exports, and one of them loads the whole of Node's fetch.
const { Agent: HttpAgent } = process.getBuiltinModule('node:http');
const { Agent: HttpsAgent } = process.getBuiltinModule('node:https');

export interface Outbound {
  /** PEM file with authorities to trust besides the public ones. */
  readonly caFile?: string | undefined;
  readonly proxy?: string | undefined;
  readonly verifySsl: boolean;
}

export interface Route {
  /** The configured proxy; null: none, or the environment's. */
  readonly proxy: string | null;
  /** No proxy can be in the way. */
  readonly direct: boolean;
  /** Whom TLS trusts, also through a proxy's tunnel. */
  readonly tls: { readonly rejectUnauthorized: boolean; readonly ca?: string[] };
  /**
   * The same, with the authorities read once: as text they are read for each connection, and an agent of Node makes them part of the name
   * under which it looks for one, for each request (0.6 ms).
   */
  tlsContext(): { readonly rejectUnauthorized: boolean; readonly secureContext: SecureContext };
  /** `fresh`: a connection that nothing used before. */
  agentFor(secure: boolean, fresh: boolean): Agent;
  close(): void;
}

const proxyVariables = ['http_proxy', 'https_proxy', 'all_proxy'];

function environmentHasProxy(): boolean {
  return Object.entries(process.env).some(
    ([name, value]) => proxyVariables.includes(name.toLowerCase()) && value !== '',
  );
}

/** @throws when the file of authorities cannot be read. */
export async function openRoute({ caFile, proxy, verifySsl }: Outbound): Promise<Route> {
  const ca = caFile === undefined ? {} : { ca: [...rootCertificates, readFileSync(caFile, 'utf8')] };
  const tls = { rejectUnauthorized: verifySsl, ...ca };
  const direct = proxy === undefined && !environmentHasProxy();
  const agents = direct ? directAgents() : await proxyAgents(proxy);
  const { kept, fresh } = agents;
  let secureContext: SecureContext | undefined;
  return {
    proxy: proxy ?? null,
    direct,
    tls,
    tlsContext: () => {
      secureContext ??= createSecureContext(ca);
      return { rejectUnauthorized: verifySsl, secureContext };
    },
    agentFor: (secure, own) => (own ? fresh : kept)[secure ? 'https' : 'http'],
    close: () => {
      for (const agent of [kept.http, kept.https, fresh.http, fresh.https]) agent.destroy();
    },
  };
}

interface Agents {
  readonly kept: { readonly http: Agent; readonly https: Agent };
  readonly fresh: Agents['kept'];
}

const keep = { keepAlive: true, scheduling: 'lifo' } as const;

function directAgents(): Agents {
  return {
    kept: { http: new HttpAgent(keep), https: new HttpsAgent(keep) },
    fresh: { http: new HttpAgent({ keepAlive: false }), https: new HttpsAgent({ keepAlive: false }) },
  };
}

async function proxyAgents(proxy: string | undefined): Promise<Agents> {
  // Loaded only where a proxy is in the way: it brings a dozen modules.
  const { ProxyAgent } = await import('proxy-agent');
  // What runs on this host is not reached through the configured proxy; the environment has NO_PROXY for that.
  const toProxy = (url: string): string => (isLoopback(new URL(url)) ? '' : (proxy ?? ''));
  const chosen = proxy === undefined ? {} : { getProxyForUrl: toProxy };
  const kept = new ProxyAgent({ ...chosen, ...keep });
  const fresh = new ProxyAgent({ ...chosen, keepAlive: false });
  return { kept: { http: kept, https: kept }, fresh: { http: fresh, https: fresh } };
}
