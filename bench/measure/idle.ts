// The daemon before its first job, connected over TLS, against a bare Node + ws client that is connected to the same control plane the same way:
// time from the process's start to the welcome, resident memory, and processor time over a minute.
import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { setTimeout as delay } from 'node:timers/promises';
import { subprotocol } from '../../protocol/version.ts';
import { ControlPlane } from '../../test/support/programs.ts';
import type { Found, Scale } from './figures.ts';
import { type BenchIdentity, helloFrame, registerAgents, sessionToken } from './identities.ts';
import { packagedAgent } from './packaged.ts';
import { cpuSeconds, median, memoryKib, type Running, start } from './process-figures.ts';
import { makeHost, processFile } from './stand.ts';

const settleMs = 5_000;

/** Starts it and resolves when it is welcomed. The wait that a daemon draws before it dials is not counted: it is there to spread a fleet. */
type Starter = () => Promise<{ readonly running: Running; readonly ms: number }>;

export async function measureIdle({ quick, say }: Scale): Promise<Found> {
  const folder = await mkdtemp(join(tmpdir(), 'bench-idle-'));
  const tls = makeCertificate(folder);
  const env = { NODE_EXTRA_CA_CERTS: tls.cert };
  const controlPlane = new ControlPlane(join(folder, 'control-plane'));
  controlPlane.env = env;
  const flags = ['--tls-cert', tls.cert, '--tls-key', tls.key];
  try {
    await controlPlane.start(...flags);
    await controlPlane.kill('SIGTERM');
    const [bareIdentity] = await registerAgents(controlPlane.folder, 1);
    if (bareIdentity === undefined) throw new Error('no identity');
    await controlPlane.start(...flags);
    const daemon = await daemonStarter(folder, controlPlane, env);
    const bare = bareStarter(controlPlane.url, bareIdentity, env);
    await eachOnce([daemon, bare]);
    const startMs: [number[], number[]] = [[], []];
    for (let round = 0; round < (quick ? 3 : 7); round += 1)
      for (const [at, ms] of (await eachOnce([daemon, bare])).entries()) startMs[at]?.push(ms);
    const idle = await compareIdle([daemon, bare], quick ? 10_000 : 60_000);
    const [daemonMs, bareMs] = [median(startMs[0]), median(startMs[1])];
    say(`start ${daemonMs.toFixed(0)} ms, bare ${bareMs.toFixed(0)} ms`);
    say(`idle ${idle.map(({ mib, share }) => `${mib.toFixed(1)} MiB ${(share * 100).toFixed(3)} %`).join(', bare ')}`);
    const [own, other] = idle;
    if (own === undefined || other === undefined) throw new Error('nothing was idle');
    return {
      figures: {
        idle_rss_mib: own.mib,
        idle_rss_vs_bare_ws: own.mib / other.mib,
        idle_cpu_share: own.share,
        start_ms: daemonMs,
        start_vs_bare_ws: daemonMs / bareMs,
      },
    };
  } finally {
    await controlPlane.kill('SIGTERM');
    await rm(folder, { recursive: true, force: true });
  }
}

function makeCertificate(folder: string): { cert: string; key: string } {
  const [cert, key] = [join(folder, 'cert.pem'), join(folder, 'key.pem')];
  const request = ['req', '-x509', '-newkey', 'ed25519', '-nodes', '-days', '1', '-subj', '/CN=localhost'];
  execFileSync('openssl', [...request, '-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', key, '-out', cert], {
    stdio: 'ignore',
  });
  return { cert, key };
}

async function daemonStarter(folder: string, controlPlane: ControlPlane, env: NodeJS.ProcessEnv): Promise<Starter> {
  const invitation = await controlPlane.invite('host-1');
  await mkdir(join(folder, 'host'), { mode: 0o700 });
  const host = await makeHost(join(folder, 'host'), controlPlane.url, 'http://127.0.0.1:9', 'debug');
  const pairing = ['pair', '--config', host.config, '--code-file', '-', '--fingerprint', invitation.fingerprint];
  const [command, ...program] = await packagedAgent(join(folder, 'packaged'));
  execFileSync(command, [...program, ...pairing], {
    // What is compiled here is kept as it is; it is to be what a start of the daemon compiles.
    env: { ...process.env, ...env, NODE_DISABLE_COMPILE_CACHE: '1' },
    input: `${invitation.code}\n`,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  return async () => {
    let drawnMs = 0;
    const onLine = (line: string): boolean => {
      const { event, delayMs } = JSON.parse(line) as { event: string; delayMs?: number };
      if (event === 'link.dialling') drawnMs += delayMs ?? 0;
      return event === 'link.welcomed';
    };
    const { running, ms } = await untilLine(
      () => start(command, [...program, 'run', '--config', host.config], env),
      onLine,
    );
    return { running, ms: ms - drawnMs };
  };
}

function bareStarter(url: string, identity: BenchIdentity, env: NodeJS.ProcessEnv): Starter {
  let counter = 0;
  const address = `${url.replace(/^http/, 'ws')}/agent/v1/socket`;
  return async () => {
    counter += 1;
    const token = await sessionToken(identity, counter);
    const args = [processFile('bare-client.mjs'), address, subprotocol, token, helloFrame(counter)];
    return untilLine(
      () => start(process.execPath, args, env),
      (line) => line === 'ready',
    );
  };
}

async function untilLine(
  begin: () => Running,
  isIt: (line: string) => boolean,
): Promise<{ running: Running; ms: number }> {
  const started = performance.now();
  const running = begin();
  for (let line = await running.line(); !isIt(line); line = await running.line()) {
    // What a daemon says before it is welcomed.
  }
  return { running, ms: performance.now() - started };
}

async function eachOnce(starters: readonly Starter[]): Promise<number[]> {
  const times: number[] = [];
  for (const starter of starters) {
    const { running, ms } = await starter();
    times.push(ms);
    await running.stop();
  }
  return times;
}

/** Both at once: they do nothing, so they do not disturb each other. */
async function compareIdle(
  starters: readonly Starter[],
  forMs: number,
): Promise<readonly { mib: number; share: number }[]> {
  const running: Running[] = [];
  try {
    for (const starter of starters) running.push((await starter()).running);
    await delay(settleMs);
    const before = running.map(({ pid }) => cpuSeconds(pid));
    await delay(forMs);
    return running.map(({ pid }, at) => ({
      mib: memoryKib(pid, 'VmRSS') / 1_024,
      share: ((cpuSeconds(pid) - (before[at] ?? 0)) * 1_000) / forMs,
    }));
  } finally {
    for (const one of running) await one.stop();
  }
}
