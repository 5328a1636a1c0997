// Wires one control plane together. Every step that took something puts its release on one list, which is run backwards at the end, also when
// the start failed half-way.
import { join } from 'node:path';
import { type Refusal, isRefusal, refuse } from '../protocol/error-codes.ts';
import { ensureAdminToken } from './api-tokens.ts';
import { lockDataDir } from './data-dir-lock.ts';
import { type EventSink, faultOf } from './events.ts';
import { Gateway } from './gateway.ts';
import { dropOrphanRows } from './job-intake.ts';
import { JobWatch } from './job-watch.ts';
import { openKeys, storeKey } from './keys.ts';
import { startRetention } from './retention.ts';
import { writePublicFile } from './secret-file.ts';
import { createServer } from './server.ts';
import { Sealer } from './store/seal.ts';
import { openSqliteStore } from './store/sqlite.ts';
import type { Store } from './store/store.ts';
import { jobIds } from './uuid-v7.ts';

export interface ControlPlaneOptions {
  readonly dataDir: string;
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  readonly tls: { readonly cert: string; readonly key: string } | null;
  /** What agents dial; null: the address listened on. */
  readonly publicUrl: string | null;
  readonly heartbeatMs: number;
  readonly resultRetentionDays: number;
  readonly keepAliveMs: number;
  readonly now: () => number;
  readonly emit: EventSink;
}

export const defaults = { heartbeatMs: 30_000, resultRetentionDays: 30, keepAliveMs: 10_000 } as const;

export interface ControlPlane {
  readonly kind: 'control_plane';
  /** Base URL of the address listened on. */
  readonly url: string;
  close(): Promise<void>;
}

/** Dials that the system takes while we are busy. Beyond it they are dropped and made again seconds later, when all agents come at once. */
const backlog = 4_096;

type Release = () => Promise<void> | void;

export async function startControlPlane(options: ControlPlaneOptions): Promise<ControlPlane | Refusal> {
  const releases: Release[] = [];
  const close = async (): Promise<void> => {
    for (let release = releases.pop(); release !== undefined; release = releases.pop()) await release();
  };
  try {
    const started = await start(options, releases);
    if (isRefusal(started)) await close();
    return isRefusal(started) ? started : { kind: 'control_plane', url: started.url, close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function start(options: ControlPlaneOptions, releases: Release[]): Promise<{ url: string } | Refusal> {
  const { dataDir, now, emit } = options;
  const startedAt = now();
  const plain = plainHttpFault(options);
  if (plain !== null) return plain;
  const lock = lockDataDir(dataDir);
  if (isRefusal(lock)) return lock;
  releases.push(() => lock.release());
  const store = await openStore(dataDir);
  if (isRefusal(store)) return store;
  releases.push(() => store.close());
  const keys = await openKeys(dataDir, store.db);
  if (isRefusal(keys)) return keys;
  const noAdmin = await ensureAdminToken(store.db, dataDir, now());
  if (noAdmin !== null) return noAdmin;
  await dropOrphanRows(store.db);

  const watch = new JobWatch();
  const newJobId = jobIds(now);
  const common = { store, keys, watch, emit, now, newJobId };
  const retention = startRetention({ ...common, resultRetentionDays: options.resultRetentionDays });
  releases.push(() => retention.stop());
  const gateway = new Gateway({ ...common, heartbeatMs: options.heartbeatMs });
  const stopping = new AbortController();
  let url = '';
  const publicUrl = (): string => options.publicUrl ?? url;
  const { keepAliveMs } = options;
  const app = createServer(
    { ...common, gateway, publicUrl, keepAliveMs, stopping: stopping.signal },
    { tls: options.tls },
  );
  releases.push(async () => {
    stopping.abort();
    await gateway.close();
    await app.close();
    emit('server.stopped', {});
  });
  const listening = await listen(app, options);
  if (isRefusal(listening)) return listening;
  url = listening.url;
  // Where commands on the same host find us. With TLS the name in the certificate is the public one.
  await writePublicFile(join(dataDir, 'endpoint'), options.tls === null ? url : publicUrl());
  emit('server.started', { durationMs: now() - startedAt });
  return { url };
}

async function openStore(dataDir: string): Promise<Store | Refusal> {
  const key = await storeKey(dataDir);
  if (isRefusal(key)) return key;
  const path = join(dataDir, 'store.sqlite');
  try {
    return await openSqliteStore(path, new Sealer(key));
  } catch (error) {
    return refuse(
      'state_damaged',
      `${path} does not open (${faultOf(error)}); restore the data directory from a backup`,
    );
  }
}

async function listen(
  app: ReturnType<typeof createServer>,
  { host, port, tls }: ControlPlaneOptions,
): Promise<{ url: string } | Refusal> {
  try {
    await app.listen({ host, port, backlog });
  } catch (error) {
    return refuse(
      'configuration_invalid',
      `cannot listen on ${host}:${port} (${faultOf(error)}); name another --listen`,
    );
  }
  const address = app.server.address();
  const bound = typeof address === 'object' && address !== null ? address.port : port;
  const shown = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host;
  return { url: `${tls === null ? 'http' : 'https'}://${shown.includes(':') ? `[${shown}]` : shown}:${bound}` };
}

function plainHttpFault({ host, tls }: ControlPlaneOptions): Refusal | null {
  if (tls !== null || host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host)) return null;
  return refuse(
    'configuration_invalid',
    `${host} can be reached from outside, so it needs TLS: give --tls-cert and --tls-key, or listen on 127.0.0.1 behind a proxy`,
  );
}
