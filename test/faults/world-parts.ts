// What a world is made of: an AWS account, a control plane, a host that is paired with it, and what stands between them.
import { readFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { FaultProxy } from '../support/fault-proxy.ts';
import { Host } from '../support/programs.ts';
import { Endpoint } from './endpoint.ts';
import { LinkRelay } from './link-relay.ts';
import { allowedActions } from './jobs.ts';
import type { Mutation } from './mutation.ts';
import { type ProgramName, RunningProgram } from './programs.ts';
import { Random } from './random.ts';

export interface WorldOptions {
  readonly folder: string;
  readonly seed: string;
  readonly mutation?: Mutation | null;
  /** Without any movement for so long, and for some starts of a program besides, jobs count as stuck; milliseconds. */
  readonly stuckMs?: number;
  readonly onCrash: (point: string) => void;
  readonly onLinkFault: (kind: string) => void;
}

export const agentName = 'host-1';
/** The smallest that a configuration may name. */
export const spoolQuotaMib = 16;
const heartbeatMs = 700;

/** Both programs load protocol/. */
export function mutationOf({ mutation = null }: WorldOptions, name: ProgramName): Mutation | null {
  const folders = [name === 'agent' ? 'agent/' : 'control-plane/', 'protocol/'];
  return mutation?.some(({ file }) => folders.some((folder) => file.startsWith(folder))) === true ? mutation : null;
}

export function planeArgs(folder: string, port: number): string[] {
  const listen = `127.0.0.1:${port}`;
  return ['serve', '--data-dir', folder, '--listen', listen, '--heartbeat-ms', String(heartbeatMs)];
}

export interface Parts {
  readonly random: Random;
  readonly endpoint: Endpoint;
  readonly relay: LinkRelay;
  readonly planeLink: FaultProxy;
  readonly awsLink: FaultProxy;
  readonly host: Host;
  readonly planePort: number;
  readonly fingerprint: string;
  /** How long one start of the agent took. */
  readonly startMs: number;
  readonly plane: RunningProgram;
}

export async function makeParts(options: WorldOptions): Promise<Parts> {
  const { folder, seed, onLinkFault } = options;
  await mkdir(folder, { recursive: true });
  const random = new Random(seed);
  const endpoint = await new Endpoint({
    random: new Random(`${seed} aws`),
    logFile: join(folder, 'effects.jsonl'),
    onFault: (fault) => onLinkFault(`aws ${fault}`),
  }).start();
  const dataDir = join(folder, 'plane');
  const plane = new RunningProgram('plane', {
    args: planeArgs(dataDir, 0),
    logFile: join(folder, 'plane.log'),
    crash: null,
    mutation: mutationOf(options, 'plane'),
  });
  const planeUrl = await listening(dataDir);
  const relay = await new LinkRelay(planeUrl, (fault) => onLinkFault(`frame ${fault}`)).start();
  const planeLink = await FaultProxy.start({ target: relay.url, framing: 'websocket' });
  const awsLink = await FaultProxy.start({ target: endpoint.url, framing: 'http' });
  const hostFolder = join(folder, 'host');
  const settings = {
    endpoint: awsLink.url,
    reconnectSeconds: 1,
    allow: allowedActions,
    more: `spool_quota_mib: ${spoolQuotaMib}`,
  };
  const host = await Host.make(hostFolder, planeUrl, settings);
  const token = readFileSync(join(dataDir, 'admin-token'), 'utf8').trim();
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
  const body = JSON.stringify({ name: agentName });
  const invited = await fetch(`${planeUrl}/api/v1/agents`, { method: 'POST', headers, body });
  const invitation = (await invited.json()) as { code: string; fingerprint: string };
  const startedMs = Date.now();
  const paired = await host.pair(invitation);
  const startMs = Date.now() - startedMs;
  if (paired.status !== 0) throw new Error(`pairing failed: ${paired.stderr}`);
  // The same host, with the faults in front of its control plane.
  await Host.make(hostFolder, planeLink.url, settings);
  const { fingerprint } = invitation;
  const planePort = Number(new URL(planeUrl).port);
  return { random, endpoint, relay, planeLink, awsLink, host, planePort, fingerprint, startMs, plane };
}

async function listening(dataDir: string): Promise<string> {
  for (let left = 400; ; left -= 1) {
    try {
      const url = readFileSync(join(dataDir, 'endpoint'), 'utf8').trim();
      if ((await fetch(`${url}/healthz`)).status < 500) return url;
    } catch (error) {
      if (left === 0) throw error;
    }
    await sleep(50);
  }
}
