// `iam-control-plane serve`: one ready line on standard output, JSON log lines on standard error, a clean stop on SIGTERM and SIGINT.
import { readFile } from 'node:fs/promises';
import { Command, InvalidArgumentError } from 'commander';
import { type ErrorCode, type Refusal, isRefusal, refuse } from '../../protocol/error-codes.ts';
import { type ExitCode, exitStatus } from '../../terminal/exit-codes.ts';
import { type ControlPlane, defaults, startControlPlane } from '../compose.ts';
import { createLog } from '../log.ts';

interface Flags {
  readonly dataDir: string;
  readonly listen: { host: string; port: number };
  readonly publicUrl?: string;
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  readonly heartbeatMs: number;
  readonly resultRetentionDays: number;
  readonly verbose?: boolean;
}

export function serveCommand(): Command {
  return new Command('serve')
    .description('run the control plane: REST API, and the gateway for agents')
    .requiredOption('--data-dir <dir>', 'store, keys and admin token; made at first start')
    .requiredOption('--listen <address>', 'host:port; port 0 takes any free one', readListen)
    .option('--public-url <url>', 'what agents dial, when it is not the address listened on', readUrl)
    .option('--tls-cert <file>', 'certificate chain, PEM; without TLS only loopback is served')
    .option('--tls-key <file>', 'private key, PEM')
    .option('--heartbeat-ms <n>', 'time between pings', inRange(100, 600_000), defaults.heartbeatMs)
    .option(
      '--result-retention-days <n>',
      'how long results of ended jobs are kept',
      inRange(1, 36_500),
      defaults.resultRetentionDays,
    )
    .option('--verbose', 'log every request too')
    .action(async (flags: Flags) => {
      process.exitCode = await serve(flags);
    });
}

async function serve(flags: Flags): Promise<number> {
  const tls = await readTls(flags);
  if (isRefusal(tls)) return failed(tls);
  const stopped = stopSignal();
  const server = await startControlPlane({
    dataDir: flags.dataDir,
    host: flags.listen.host,
    port: flags.listen.port,
    tls,
    publicUrl: flags.publicUrl ?? null,
    heartbeatMs: flags.heartbeatMs,
    resultRetentionDays: flags.resultRetentionDays,
    keepAliveMs: defaults.keepAliveMs,
    now: () => Date.now(),
    emit: createLog({ level: flags.verbose === true ? 'debug' : 'info' }),
  });
  if (isRefusal(server)) return failed(server);
  process.stdout.write(`listening on ${server.url}\n`);
  return untilStopped(server, stopped);
}

async function untilStopped(server: ControlPlane, stopped: Promise<void>): Promise<number> {
  await stopped;
  await server.close();
  return 0;
}

/** The second signal is not caught: it ends the process at once. */
function stopSignal(): Promise<void> {
  return new Promise((resolve) => {
    const stop = (): void => {
      process.off('SIGTERM', stop);
      process.off('SIGINT', stop);
      resolve();
    };
    process.on('SIGTERM', stop);
    process.on('SIGINT', stop);
  });
}

const exits: Partial<Record<ErrorCode, ExitCode>> = {
  configuration_invalid: 'configuration',
  secret_file_exposed: 'configuration',
  state_damaged: 'io',
  state_locked: 'temporary',
};

function failed({ code, detail }: Refusal): number {
  process.stderr.write(`iam-control-plane serve: ${code}: ${detail}\n`);
  return exitStatus(exits[code] ?? 'internal');
}

async function readTls({ tlsCert, tlsKey }: Flags): Promise<{ cert: string; key: string } | null | Refusal> {
  if (tlsCert === undefined && tlsKey === undefined) return null;
  if (tlsCert === undefined || tlsKey === undefined)
    return refuse('configuration_invalid', '--tls-cert and --tls-key go together');
  try {
    return { cert: await readFile(tlsCert, 'utf8'), key: await readFile(tlsKey, 'utf8') };
  } catch (error) {
    return refuse('configuration_invalid', error instanceof Error ? error.message : 'the TLS files cannot be read');
  }
}

function readListen(text: string): { host: string; port: number } {
  const match = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(text);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  if (host === undefined || port > 65_535) throw new InvalidArgumentError('expected host:port, such as 127.0.0.1:8443');
  return { host, port };
}

function readUrl(text: string): string {
  if (!URL.canParse(text) || !/^https?:$/.test(new URL(text).protocol))
    throw new InvalidArgumentError('expected an http or https URL');
  return text.replace(/\/+$/, '');
}

function inRange(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!Number.isSafeInteger(value) || value < min || value > max)
      throw new InvalidArgumentError(`expected a whole number from ${min} to ${max}`);
    return value;
  };
}
